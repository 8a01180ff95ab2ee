// What a person's app does with the TypeScript package: walk.mjs PART URL. Asks the test to act by a line, and waits for one.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { BadCredentials, Doorward, EmailTaken, InvalidInput, NotAuthenticated, SessionEnded } from "doorward";
import { introspectionVerifier, InvalidToken, jwksVerifier, VerifierUnavailable } from "doorward/verify";

const PASSWORD = "an owl keeps the door";
const [part, url] = process.argv.slice(2);

async function ask(...words) {
  console.log(words.join(" "));
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
}

async function refused(Kind, call) {
  const error = await call().then(() => assert.fail(`not refused: ${call}`), (error) => error);
  assert(error instanceof Kind, `${call}: ${error}`);
  return error;
}

const forged = (token, changes) => {
  const [head, ...rest] = token.split(".");
  const header = { ...JSON.parse(Buffer.from(head, "base64url").toString()), ...changes };
  return [Buffer.from(JSON.stringify(header)).toString("base64url"), ...rest].join(".");
};
const kid = (client) => JSON.parse(Buffer.from(client.tokens.accessToken.split(".")[0], "base64url").toString()).kid;

const parts = {
  async session() {
    const kept = [];
    const sent = [];
    const spy = (request) => {
      sent.push(request);
      return fetch(request);
    };
    const client = new Doorward(url, { onTokens: (tokens) => kept.push(tokens), fetch: spy });
    const me = await client.register("alice@example.com", PASSWORD);
    assert.deepEqual([me.email, me.role, me.is_active], ["alice@example.com", "user", true]);
    const wrong = await refused(BadCredentials, () => client.login("alice@example.com", "not the password"));
    assert.deepEqual([wrong.status, wrong.code, wrong.detail], [401, "bad_credentials", "Incorrect email or password"]);
    assert(wrong.requestId);
    assert.equal((await refused(EmailTaken, () => client.register("alice@example.com", PASSWORD))).status, 400);
    assert.deepEqual((await refused(InvalidInput, () => client.register("bob@example.com", "short"))).fields[0].loc, ["body", "password"]);
    await refused(NotAuthenticated, () => client.me());
    assert((await client.login("alice@example.com", PASSWORD)).expires_in > 0);
    assert(client.tokens.device && !sent.at(-1).headers.has("doorward-device"));
    assert.equal((await client.me()).email, "alice@example.com");
    const before = client.tokens;
    await client.refresh();
    assert(client.tokens.refreshToken !== before.refreshToken && client.tokens.device === before.device);
    const [current, ...others] = await client.sessions();
    assert(current.current && current.ip === "127.0.0.1" && others.length === 0);
    const second = new Doorward(url, { tokens: client.tokens });
    assert.deepEqual(await second.me(), me);
    await client.logout();
    assert(client.tokens.accessToken === undefined);
    assert.deepEqual(kept.at(-1), client.tokens);
    await refused(SessionEnded, () => second.me());
    assert.equal(second.tokens.accessToken, undefined);
    await client.login("alice@example.com", PASSWORD);
    assert.equal(sent.at(-1).headers.get("doorward-device"), before.device);
    assert.equal(client.tokens.device, before.device);
    const old = client.tokens;
    await client.changePassword(PASSWORD, "two owls keep two doors");
    assert(client.tokens.refreshToken !== old.refreshToken);
    assert.deepEqual(await client.me(), me);
    await refused(SessionEnded, () => new Doorward(url, { tokens: old }).me());
    await client.refresh();
    await client.deleteMe("two owls keep two doors");
    await refused(BadCredentials, () => client.login("alice@example.com", PASSWORD));
    const nobody = jwksVerifier({ issuer: "http://127.0.0.1:9" });
    await refused(VerifierUnavailable, () => nobody(forged("e30.e30.e30", { typ: "at+jwt", alg: "EdDSA", kid: "x" })));
  },

  async expiry() {
    const client = new Doorward(url);
    await client.register("carol@example.com", PASSWORD);
    const { expires_in } = await client.login("carol@example.com", PASSWORD);
    await sleep((expires_in + 1) * 1000);
    const everyone = await Promise.all(Array.from({ length: 20 }, () => client.me()));
    assert(everyone.every((me) => me.email === "carol@example.com"));
  },

  async verify() {
    const [client, boss] = [new Doorward(url), new Doorward(url)];
    await client.register("erin@example.com", PASSWORD);
    await boss.register("boss@example.com", PASSWORD);
    await ask("admin", "boss@example.com");
    await client.login("erin@example.com", PASSWORD);
    await boss.login("boss@example.com", PASSWORD);
    const [offline, asking] = [jwksVerifier({ issuer: url, cooldown: 1 }), introspectionVerifier(boss)];
    const first = client.tokens.accessToken;
    const { raw: _, ...claims } = await offline(first);
    const { raw: __, ...told } = await asking(first);
    assert.deepEqual(claims, told);
    assert.equal(claims.role, "user");
    const bad = [forged(first, { alg: "none" }), forged(first, { typ: "JWT" }), `${first.slice(0, -10)}AAAAAAAAAA`, client.tokens.refreshToken, "x", ""];
    for (const token of bad) {
      await refused(InvalidToken, () => offline(token));
      await refused(InvalidToken, () => asking(token));
    }
    await refused(InvalidToken, () => jwksVerifier({ issuer: url, audience: "another" })(first));
    await refused(VerifierUnavailable, () => introspectionVerifier(client)(first));
    const service = introspectionVerifier(new Doorward(url), { clientId: "orders", clientSecret: await ask("client", "orders") });
    assert.equal((await service(first)).subject, claims.subject);
    await refused(VerifierUnavailable, () => introspectionVerifier(new Doorward(url), { clientId: "orders", clientSecret: "dwx_x" })(first));
    const { data: roles } = await boss.api.GET("/roles");
    assert(["user", "admin"].every((name) => roles.some((role) => role.name === name)));
    const before = kid(client);
    await ask("rotate");
    await sleep(1000);
    while (kid(client) === before) {
      await sleep(50);
      await client.refresh();
    }
    const next = client.tokens.accessToken;
    assert.equal((await offline(next)).session, (await asking(next)).session);
    const careful = jwksVerifier({ issuer: url, cooldown: 60 });
    await careful(next);
    for (let number = 0; number < 20; number++) await refused(InvalidToken, () => careful(forged(next, { kid: `unknown-${number}` })));
    await client.logout();
    await refused(InvalidToken, () => asking(next));
    await offline(next);
  },

  // Tokens of an issuer that the test plays: only the good one is believed.
  async offline() {
    const { good, ...bad } = JSON.parse(await text(process.stdin));
    const verify = jwksVerifier({ issuer: url, leeway: 0 });
    assert.equal((await verify(good)).subject, "someone");
    for (const [name, token] of Object.entries(bad)) await verify(token).then(() => assert.fail(`believed: ${name}`), (error) => assert(error instanceof InvalidToken, `${name}: ${error}`));
  },
};

await parts[part]();
process.exit(0);
