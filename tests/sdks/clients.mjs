// openid-client and oauth4webapi at Doorward, as their documentation uses them: clients.mjs URL.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import * as oauth from "oauth4webapi";
import * as openid from "openid-client";

const PASSWORD = "an owl keeps the door";
const url = process.argv[2];

for (const email of ["alice@example.com", "boss@example.com"]) {
  const body = JSON.stringify({ email, password: PASSWORD });
  assert.equal((await fetch(`${url}/register`, { method: "POST", body, headers: { "content-type": "application/json" } })).status, 201);
}
console.log("admin boss@example.com");
for await (const _ of createInterface({ input: process.stdin })) break;

const bearer = (token) => (_as, _client, _body, headers) => headers.set("authorization", `Bearer ${token}`);

async function openidClient() {
  const options = { algorithm: "oauth2", execute: [openid.allowInsecureRequests] };
  const config = await openid.discovery(new URL(url), "app", undefined, openid.None(), options);
  const login = (username, password) => openid.genericGrantRequest(config, "password", { username, password });
  const token = await login("alice@example.com", PASSWORD);
  const next = await openid.refreshTokenGrant(config, token.refresh_token);
  assert.notEqual(next.refresh_token, token.refresh_token);
  const me = await openid.fetchProtectedResource(config, next.access_token, new URL(`${url}/me`), "GET");
  assert.equal((await me.json()).email, "alice@example.com");
  const boss = await login("boss@example.com", PASSWORD);
  const asking = await openid.discovery(new URL(url), "app", undefined, bearer(boss.access_token), options);
  const about = await openid.tokenIntrospection(asking, next.access_token);
  assert(about.active && about.username === "alice@example.com");
  await openid.tokenRevocation(config, next.refresh_token);
  assert.deepEqual(await openid.tokenIntrospection(asking, next.access_token), { active: false });
  await assert.rejects(login("alice@example.com", "wrong"), { error: "invalid_grant" });
}

async function oauth4webapi() {
  const options = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(url);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" }));
  const client = { client_id: "app" };
  const login = async (username, password) => {
    const answer = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), "password", { username, password }, options);
    return oauth.processGenericTokenEndpointResponse(as, client, answer);
  };
  const token = await login("alice@example.com", PASSWORD);
  const next = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, oauth.None(), token.refresh_token, options));
  assert.notEqual(next.refresh_token, token.refresh_token);
  // It verifies access tokens by RFC 9068 itself.
  const request = new Request("https://app.example.com/", { headers: { authorization: `Bearer ${next.access_token}` } });
  assert.equal((await oauth.validateJwtAccessToken(as, request, "doorward", options)).role, "user");
  const boss = await login("boss@example.com", PASSWORD);
  const ask = async () => oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, bearer(boss.access_token), next.access_token, options));
  assert.equal((await ask()).username, "alice@example.com");
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), next.refresh_token, options));
  assert.deepEqual(await ask(), { active: false });
  await assert.rejects(login("alice@example.com", "wrong"), { error: "invalid_grant" });
}

await openidClient();
await oauth4webapi();
process.exit(0);
