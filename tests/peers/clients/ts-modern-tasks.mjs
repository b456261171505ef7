// Tasks of 2026-07-28 with the client of npm @modelcontextprotocol/ext-tasks: `node ts-modern-tasks.mjs --url URL --tool NAME [--tool NAME …]`.
// Each tool asks for an `interpretation` while its task runs. What is printed is described in ../README.md.
import { parseArgs } from 'node:util';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';

const { values: flags } = parseArgs({ options: { url: { type: 'string' }, tool: { type: 'string', multiple: true } } });
if (!flags.url || !flags.tool) {
    console.error('usage: ts-modern-tasks.mjs --url URL --tool NAME [--tool NAME …]');
    process.exit(2);
}

const protocolVersion = '2026-07-28';
const clientInfo = { name: 'ts-modern-tasks', version: '1' };
const clientCapabilities = { elicitation: { form: {} } };
const client = new Client(clientInfo, { capabilities: clientCapabilities, versionNegotiation: { mode: { pin: protocolVersion } } });
await client.connect(new StreamableHTTPClientTransport(new URL(flags.url)));

/** One request of its own over HTTP: the SDK's client does not read what tasks are answered with, so the package asks for this. */
let ids = 0;
async function rawDispatch({ method, params }, options) {
    const id = ++ids;
    const response = await fetch(flags.url, {
        method: 'POST',
        headers: {
            'Content-Type': 'application/json',
            Accept: 'application/json, text/event-stream',
            'MCP-Protocol-Version': protocolVersion,
            'Mcp-Method': method,
            'Mcp-Name': params.taskId ?? params.name
        },
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        signal: options?.signal
    });
    const body = await response.text();
    const streamed = response.headers.get('content-type').startsWith('text/event-stream');
    const messages = streamed ? [...body.matchAll(/^data: ?(.+)$/gm)].map(([, data]) => data) : [body];
    const { result, error } = messages.map(message => JSON.parse(message)).find(message => message.id === id) ?? {};
    return error ? { kind: 'error', error } : { kind: 'result', result };
}

const asked = [];
const session = createTaskSessionFromClient(client, {
    endpointId: 'peers',
    rawDispatch,
    v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
    onInputRequest: ({ params }) => {
        asked.push(params.message);
        return { action: 'accept', content: { interpretation: 'snake' } };
    }
});

/** A task from its beginning to its result. */
async function settle(tool) {
    const execution = await session.callTool(tool);
    const seen = { tool, taskId: execution.handle?.taskId, statuses: [] };
    const { outcome } = await execution.settle({ onEvent: ({ task }) => task && seen.statuses.push(task.status) });
    return { ...seen, content: outcome.result?.content, ...(outcome.error && { error: String(outcome.error) }) };
}

/** A task that is cancelled as soon as it is there. */
async function cancel(tool) {
    const execution = await session.callTool(tool, { slow: true });
    await execution.cancel();
    return (await execution.result()).status;
}

const settled = [];
for (const tool of flags.tool) {
    settled.push(await settle(tool));
}
const cancelled = await Promise.all(flags.tool.map(cancel));
const unknown = await session.task('nobody').snapshot().catch(error => ({ code: error.code }));
console.log(JSON.stringify({ capability: client.getServerCapabilities().extensions, settled, cancelled, unknown, asked }));
await session.close();
await client.close();
