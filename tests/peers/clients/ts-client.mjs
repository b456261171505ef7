// The client of the TypeScript SDK, driven by a plan: `node ts-client.mjs --url URL --era legacy|modern [--plan JSON]`.
// A URL that ends with /sse is spoken to over HTTP+SSE of 2024-11-05, any other over Streamable HTTP.
// The plan and the document that it prints are described in ../README.md.
import { parseArgs } from 'node:util';

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

const { values: flags } = parseArgs({
    options: { url: { type: 'string' }, era: { type: 'string' }, plan: { type: 'string', default: '{}' } }
});
if (!flags.url || !['legacy', 'modern'].includes(flags.era)) {
    console.error('usage: ts-client.mjs --url URL --era legacy|modern [--plan JSON]');
    process.exit(2);
}
const plan = JSON.parse(flags.plan);
const modern = flags.era === 'modern';
const seen = { client: 'typescript', era: flags.era, called: [], got: [], read: [], elicited: [], notifications: [] };
const arrivals = new EventTarget();
const failures = [];

function note(method, params) {
    seen.notifications.push({ method, params });
    arrivals.dispatchEvent(new Event('notification'));
}

/** An answer to every field that the form requires, fixed by the field's type. */
function fill(schema) {
    const fixed = property => property.enum?.[0] ?? property.oneOf?.[0]?.const ?? { boolean: true, integer: 7, number: 7 }[property.type] ?? 'blue';
    return Object.fromEntries((schema.required ?? []).map(name => [name, fixed(schema.properties[name])]));
}

let getStreamAnswered;
const getStream = new Promise(resolve => (getStreamAnswered = resolve));
async function fetchNotingGet(url, init) {
    const response = await fetch(url, init);
    if (init?.method === 'GET') {
        getStreamAnswered();
    }
    return response;
}

async function withDeadline(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`timed out: ${what}`)), plan.timeoutMs ?? 20_000);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function count(method) {
    return seen.notifications.filter(notification => notification.method === method).length;
}

async function waitFor(method, times) {
    const arrived = () => count(method) >= times;
    await withDeadline(
        (async () => {
            while (!arrived()) {
                await new Promise(resolve => arrivals.addEventListener('notification', resolve, { once: true }));
            }
        })(),
        `not ${times} of ${method} came`
    );
}

/** Runs one step of the plan; what it gives, or its error, is kept in `list`. */
async function step(list, wanted, run) {
    const before = count(wanted.waitFor);
    try {
        list.push({ ...wanted, result: await withDeadline(run(), JSON.stringify(wanted)) });
        if (wanted.waitFor) {
            await waitFor(wanted.waitFor, before + 1);
        }
    } catch (error) {
        const { code, message, data } = error;
        list.push({ ...wanted, error: { code, message, data } });
        if (!wanted.mayFail) {
            failures.push(`${JSON.stringify(wanted)}: ${message}`);
        }
    }
}

const client = new Client(
    { name: 'ts-client', version: '1.0.0' },
    {
        capabilities: { elicitation: { form: {} } },
        versionNegotiation: { mode: modern ? { pin: '2026-07-28' } : 'legacy' }
    }
);
client.setRequestHandler('elicitation/create', request => {
    seen.elicited.push(request.params);
    return plan.elicit ?? { action: 'accept', content: fill(request.params.requestedSchema) };
});
client.fallbackNotificationHandler = async ({ method, params }) => note(method, params);
for (const method of [
    'notifications/tools/list_changed',
    'notifications/prompts/list_changed',
    'notifications/resources/list_changed',
    'notifications/resources/updated',
    'notifications/message'
]) {
    client.setNotificationHandler(method, notification => note(method, notification.params));
}

async function run() {
    const url = new URL(flags.url);
    const Transport = url.pathname.endsWith('/sse') ? SSEClientTransport : StreamableHTTPClientTransport;
    const transport = new Transport(url, { fetch: fetchNotingGet });
    await withDeadline(client.connect(transport), 'connect');
    const capabilities = client.getServerCapabilities() ?? {};
    seen.protocolVersion = client.getNegotiatedProtocolVersion();
    seen.serverInfo = client.getServerVersion();
    seen.capabilities = capabilities;
    seen.instructions = client.getInstructions();
    let subscription;
    if (modern) {
        const filter = {
            ...(capabilities.tools?.listChanged && { toolsListChanged: true }),
            ...(capabilities.prompts?.listChanged && { promptsListChanged: true }),
            ...(capabilities.resources?.listChanged && { resourcesListChanged: true })
        };
        if (Object.keys(filter).length > 0) {
            subscription = await withDeadline(client.listen(filter), 'subscriptions/listen');
            seen.honoredFilter = subscription.honoredFilter;
        }
    } else {
        if (Transport !== SSEClientTransport) {
            await withDeadline(getStream, 'the GET stream was not answered');
        }
        if (capabilities.logging) {
            await withDeadline(client.setLoggingLevel('debug'), 'logging/setLevel');
        }
    }
    const list = async (capability, ask) => (capability ? await withDeadline(ask(), 'list') : undefined);
    seen.tools = (await list(capabilities.tools, () => client.listTools()))?.tools;
    seen.prompts = (await list(capabilities.prompts, () => client.listPrompts()))?.prompts;
    seen.resources = (await list(capabilities.resources, () => client.listResources()))?.resources;
    seen.resourceTemplates = (await list(capabilities.resources, () => client.listResourceTemplates()))?.resourceTemplates;

    const _meta = modern ? { [LOG_LEVEL]: 'debug' } : undefined;
    const onprogress = progress => note('notifications/progress', progress);
    for (const wanted of plan.call ?? []) {
        const { name, arguments: args } = wanted;
        await step(seen.called, wanted, () => client.callTool({ name, arguments: args, _meta }, { onprogress }));
    }
    for (const wanted of plan.get ?? []) {
        const { name, arguments: args } = wanted;
        await step(seen.got, wanted, () => client.getPrompt({ name, arguments: args }));
    }
    for (const uri of plan.read ?? []) {
        await step(seen.read, typeof uri === 'string' ? { uri } : uri, () => client.readResource({ uri: uri.uri ?? uri }));
    }
    for (const { method, times = 1 } of (plan.waitFor ?? []).map(wanted => (typeof wanted === 'string' ? { method: wanted } : wanted))) {
        await waitFor(method, times);
    }
    await subscription?.close();
    if (transport.sessionId !== undefined) {
        await withDeadline(transport.terminateSession(), 'DELETE');
    }
}

try {
    await run();
} catch (error) {
    failures.push(`${error.message}${error.cause ? `: ${error.cause}` : ''}`);
}
await client.close();
// Ending at once would cut off what the pipe has no room for.
process.stdout.write(`${JSON.stringify({ ...seen, failures })}\n`, () => process.exit(failures.length === 0 ? 0 : 1));
