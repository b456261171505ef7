// An MCP server of the TypeScript SDK: `node ts-modern.mjs [--port N] [--era modern|both|legacy]`, or `node ts-modern.mjs --stdio` for one of
// 2026-07-28 only on its standard streams.
//
//   modern  2026-07-28 only; `initialize` is refused (-32022)
//   both    2026-07-28, and legacy revisions without sessions (what the SDK does by default)
//   legacy  legacy revisions only, with sessions and a GET stream
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, inputRequired, inputResponse, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

const { values: flags } = parseArgs({
    options: { port: { type: 'string', default: '0' }, era: { type: 'string', default: 'both' }, stdio: { type: 'boolean', default: false } }
});
if (!['modern', 'both', 'legacy'].includes(flags.era)) {
    console.error(`--era: must be modern, both or legacy, not ${flags.era}`);
    process.exit(2);
}

/** The HTTP request that a tool is called by: its body's bytes as text, and its headers. */
const httpRequest = new AsyncLocalStorage();
const extraTools = new Set();
const sessions = new Map();

const text = value => ({ content: [{ type: 'text', text: value }] });
const readOnly = { readOnlyHint: true, openWorldHint: false };

function newServer() {
    const server = new McpServer(
        { name: 'ts-modern', version: '1.0.0' },
        { capabilities: { logging: {}, tools: { listChanged: true } }, instructions: 'A server of the TypeScript SDK.' }
    );
    server.registerTool(
        'echo_raw',
        { description: 'Returns the body of the HTTP request that called it, byte for byte.', inputSchema: z.looseObject({}), annotations: readOnly },
        () => text(httpRequest.getStore().body)
    );
    server.registerTool(
        'echo_headers',
        { description: 'Returns the headers of the HTTP request that called it, as JSON.', annotations: readOnly },
        () => text(JSON.stringify(httpRequest.getStore().headers))
    );
    server.registerTool(
        'add',
        {
            description: 'Adds two numbers.',
            inputSchema: z.object({ a: z.number(), b: z.number() }),
            outputSchema: z.object({ sum: z.number() }),
            annotations: readOnly
        },
        ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } })
    );
    server.registerTool(
        'region',
        {
            description: 'Has an argument that clients of 2026-07-28 repeat as the header Mcp-Param-Region.',
            inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
            annotations: readOnly
        },
        ({ region }) => text(region)
    );
    server.registerTool(
        'count',
        {
            description: 'Counts up, with a progress notification and a log message at each number.',
            inputSchema: z.object({ to: z.number().int().min(1).max(100).default(3) }),
            annotations: readOnly
        },
        async ({ to }, ctx) => {
            const progressToken = ctx.mcpReq._meta?.progressToken;
            for (let progress = 1; progress <= to; progress += 1) {
                await ctx.mcpReq.log('info', `counted ${progress}`, 'count');
                if (progressToken !== undefined) {
                    await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: to } });
                }
            }
            return text(`counted to ${to}`);
        }
    );
    server.registerTool(
        'ask_name',
        { description: 'Asks the user for a name with a form.', annotations: readOnly },
        async ctx => {
            const form = { message: 'What is your name?', requestedSchema: nameForm };
            const answer =
                ctx.mcpReq.envelope === undefined
                    ? await ctx.mcpReq.elicitInput({ mode: 'form', ...form })
                    : inputResponse(ctx.mcpReq.inputResponses, 'name');
            if (answer.kind === 'missing') {
                return inputRequired({ inputRequests: { name: inputRequired.elicit(form) } });
            }
            return text(answer.action === 'accept' ? `Hello, ${answer.content.name}` : answer.action);
        }
    );
    server.registerTool(
        'add_tool',
        { description: 'Adds a tool for all clients and tells them.', inputSchema: z.object({ name: z.string() }) },
        async ({ name }) => {
            extraTools.add(name);
            modern.notify.toolsChanged();
            for (const { server: other } of sessions.values()) {
                registerExtra(other, name);
            }
            return text(`added ${name}`);
        }
    );
    for (const name of extraTools) {
        registerExtra(server, name);
    }
    server.registerPrompt(
        'greet',
        { description: 'Greets somebody.', argsSchema: z.object({ name: z.string().describe('Whom to greet.') }) },
        ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}.` } }] })
    );
    server.registerResource('readme', 'doc://readme', { description: 'A text.', mimeType: 'text/plain' }, uri => ({
        contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'Read me.' }]
    }));
    server.registerResource(
        'item',
        new ResourceTemplate('doc://items/{id}', { list: undefined }),
        { description: 'An item by its id.', mimeType: 'text/plain' },
        (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: `Item ${id}` }] })
    );
    return server;
}

const nameForm = { type: 'object', properties: { name: { type: 'string', title: 'Name' } }, required: ['name'] };

/** Registering on a connected server makes the SDK send `notifications/tools/list_changed`. */
function registerExtra(server, name) {
    server.registerTool(name, { description: 'A tool that was added at run time.' }, () => text(`called ${name}`));
}

const modern = createMcpHandler(newServer, { legacy: flags.era === 'modern' ? 'reject' : 'stateless' });
const answerModern = toNodeHandler(modern);

async function answerSession(req, res, message) {
    const known = sessions.get(req.headers['mcp-session-id']);
    if (known) {
        return known.transport.handleRequest(req, res, message);
    }
    if (message?.method !== 'initialize') {
        const status = req.headers['mcp-session-id'] === undefined ? 400 : 404;
        const error = { code: -32600, message: status === 400 ? 'Mcp-Session-Id header is required' : 'Session not found' };
        res.writeHead(status, { 'content-type': 'application/json' });
        return res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    }
    const server = newServer();
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: id => sessions.set(id, { server, transport }),
        onsessionclosed: id => sessions.delete(id)
    });
    await server.connect(transport);
    return transport.handleRequest(req, res, message);
}

async function readBody(req) {
    const chunks = [];
    for await (const chunk of req) {
        chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
}

function parse(body) {
    try {
        return JSON.parse(body);
    } catch {
        return undefined;
    }
}

const http = createServer(async (req, res) => {
    if (new URL(req.url, 'http://localhost').pathname !== '/mcp') {
        res.writeHead(404).end();
        return;
    }
    const body = await readBody(req);
    const message = parse(body);
    if (req.method === 'POST' && message === undefined) {
        const error = { code: -32700, message: 'Parse error' };
        res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
        return;
    }
    const answer = flags.era === 'legacy' ? answerSession : answerModern;
    await httpRequest.run({ body, headers: req.headers }, () => answer(req, res, message));
});
if (flags.stdio) {
    serveStdio(newServer, { legacy: 'reject' });
} else {
    http.listen(Number(flags.port), '127.0.0.1', () => {
        console.log(`listening on http://127.0.0.1:${http.address().port}/mcp`);
    });
    for (const signal of ['SIGINT', 'SIGTERM']) {
        process.on(signal, () => {
            http.closeAllConnections();
            process.exit(0);
        });
    }
}
