// Tasks of 2025-11-25 with the client of npm @modelcontextprotocol/sdk: `node ts-tasks.mjs --url URL --tool NAME [--tool NAME …]`.
// Each tool is one like server-everything's simulate-research-query. What is printed is described in ../README.md.
import { parseArgs } from 'node:util';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const { values: flags } = parseArgs({ options: { url: { type: 'string' }, tool: { type: 'string', multiple: true } } });
if (!flags.url || !flags.tool) {
    console.error('usage: ts-tasks.mjs --url URL --tool NAME [--tool NAME …]');
    process.exit(2);
}

const client = new Client({ name: 'ts-tasks', version: '1' }, { capabilities: { elicitation: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, request => {
    asked.push(request.params.message);
    return { action: 'accept', content: { interpretation: 'snake' } };
});
await client.connect(new StreamableHTTPClientTransport(new URL(flags.url)));
// The client asks for the tools that it may only call as tasks.
await client.listTools();

/** A task from its beginning to its result. */
async function settle(tool) {
    const call = { name: tool, arguments: { topic: 'python', ambiguous: true } };
    const seen = { tool, statuses: [] };
    const stream = client.experimental.tasks.callToolStream(call, CallToolResultSchema, { task: { ttl: 60_000 } });
    for await (const message of stream) {
        if (message.type === 'taskCreated') {
            seen.taskId = message.task.taskId;
        } else if (message.type === 'taskStatus') {
            seen.statuses.push(message.task.status);
        } else if (message.type === 'result') {
            seen.text = message.result.content[0].text;
        } else {
            seen.error = String(message.error);
        }
    }
    return seen;
}

/** A task that is cancelled as soon as it is there. */
async function cancel(tool) {
    const call = { name: tool, arguments: { topic: 'python' } };
    const stream = client.experimental.tasks.callToolStream(call, CallToolResultSchema, { task: { ttl: 60_000 } });
    const { value: created } = await stream.next();
    await client.experimental.tasks.cancelTask(created.task.taskId);
    return (await client.experimental.tasks.getTask(created.task.taskId)).status;
}

async function listAll() {
    const all = [];
    let cursor;
    do {
        const page = await client.experimental.tasks.listTasks(cursor);
        all.push(...page.tasks.map(task => task.taskId));
        cursor = page.nextCursor;
    } while (cursor);
    return all;
}

const settled = await Promise.all(flags.tool.map(settle));
const listed = await listAll();
const cancelled = await Promise.all(flags.tool.map(cancel));
console.log(JSON.stringify({ capability: client.getServerCapabilities().tasks, settled, listed, cancelled, asked }));
await client.transport.terminateSession();
await client.close();
