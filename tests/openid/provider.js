// An OpenID provider as others run it (oidc-provider). Whoever names an address at its door is let in as it.
import { Provider } from "oidc-provider";

const told = JSON.parse(process.env.OPENID);

const provider = new Provider(told.issuer, {
  clients: told.clients,
  jwks: { keys: told.keys },
  cookies: { keys: ["a secret of tests"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      email: accountId,
      email_verified: !accountId.startsWith("unverified"),
    }),
  }),
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email");
    await grant.save();
    return grant;
  },
});

provider.listen(told.port, "127.0.0.1", () => console.log("ready"));
