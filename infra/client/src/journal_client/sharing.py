"""Who else: collaborators, invitations, and webhooks."""

from uuid import UUID

from journal_client.connection import Connection
from journal_contracts.api import JournalView
from journal_contracts.sharing import (
    CollaboratorPage,
    CollaboratorView,
    InvitationPage,
    ShareOrder,
)
from journal_contracts.webhooks import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    WebhookOrder,
    WebhookPage,
    WebhookView,
)


class Sharing(Connection):
    """With people, and with programs that are told."""

    async def collaborators(self, journal: UUID) -> CollaboratorPage:
        return await self._get(CollaboratorPage, f"/v1/journals/{journal}/collaborators")

    async def share(self, journal: UUID, order: ShareOrder) -> CollaboratorView:
        """Invite somebody by their address."""
        path = f"/v1/journals/{journal}/collaborators"
        return await self._tell(CollaboratorView, "POST", path, order)

    async def unshare(self, journal: UUID, collaborator: UUID) -> None:
        await self._do("DELETE", f"/v1/journals/{journal}/collaborators/{collaborator}")

    async def invitations(self) -> InvitationPage:
        """Those that wait for the user."""
        return await self._get(InvitationPage, "/v1/invitations")

    async def accept(self, invitation: UUID) -> JournalView:
        return await self._tell(JournalView, "POST", f"/v1/invitations/{invitation}/accept")

    async def decline(self, invitation: UUID) -> None:
        await self._do("DELETE", f"/v1/invitations/{invitation}")

    async def webhooks(self) -> WebhookPage:
        return await self._get(WebhookPage, "/v1/webhooks")

    async def add_webhook(self, order: WebhookOrder) -> NewWebhook:
        """Tell an address of events; its secret is shown this once."""
        return await self._tell(NewWebhook, "POST", "/v1/webhooks", order)

    async def enable_webhook(self, webhook: UUID) -> WebhookView:
        return await self._tell(WebhookView, "POST", f"/v1/webhooks/{webhook}/enable")

    async def remove_webhook(self, webhook: UUID) -> None:
        await self._do("DELETE", f"/v1/webhooks/{webhook}")

    async def deliveries(self, webhook: UUID) -> DeliveryPage:
        """What it was told, and is to be told."""
        return await self._get(DeliveryPage, f"/v1/webhooks/{webhook}/deliveries")

    async def deliver_again(self, webhook: UUID, delivery: UUID) -> DeliveryView:
        path = f"/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver"
        return await self._tell(DeliveryView, "POST", path)
