// npm @modelcontextprotocol/server-everything over HTTP: `node everything.mjs [--port N] [--transport streamableHttp|sse]`.
//
// The package listens on $PORT of every interface and does not say which port the system chose; here it listens on loopback
// and says so as the other servers do.
import { Server } from 'node:http';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
    options: { port: { type: 'string', default: '0' }, transport: { type: 'string', default: 'streamableHttp' } },
});
const path = flags.transport === 'sse' ? 'sse' : 'mcp';

const { listen } = Server.prototype;
Server.prototype.listen = function listenOnLoopback(_port, ready) {
    this.once('listening', () => console.log(`listening on http://127.0.0.1:${this.address().port}/${path}`));
    return listen.call(this, Number(flags.port), '127.0.0.1', ready);
};

await import(`@modelcontextprotocol/server-everything/dist/transports/${flags.transport}.js`);
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.removeAllListeners(signal);
    process.on(signal, () => process.exit(0));
}
