// better-auth as its documentation shows it: SQLite, email and password, its handler for Node; its limit of requests is off, for all load comes from one address.

import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";

const port = Number(process.argv[2]);
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: "the benchmark's own secret, forty bytes!!",
  database: new DatabaseSync("users.db"),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
});
await (await getMigrations(auth.options)).runMigrations();
createServer(toNodeHandler(auth)).listen(port, "127.0.0.1");
