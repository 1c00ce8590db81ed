"""A journal is shared with somebody who has no account yet, up to its books (R5.2b)."""

import contextlib

import pytest

from chassis.ids import new_id
from journal_client.client import Client
from journal_client.problems import Refused
from journal_contracts.api import Answer, Credentials, JournalOrder
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from journal_contracts.realtime import Happened
from journal_contracts.sharing import InvitationView, ShareOrder
from journalcraft.platform import Platform
from tests.letters import verified

from .following import over, until


async def test_who_is_invited_comes_answers_reads_and_is_out_at_once_when_it_ends(
    platform: Platform, user: Client, stranger: Client
) -> None:
    """The owner names an address; the account, its verification and the rest are the other's."""
    friend_is = Credentials(email=f"{new_id()}@example.org", password=f"a pass phrase {new_id()}")
    journal = await user.order(JournalOrder(theme="Journaling for Two", plan=PlanName.EXPRESS))
    invited = await user.share(journal, ShareOrder(email=friend_is.email, role="editor"))
    assert invited.accepted_at is None

    async with Client.open(platform.url, friend_is) as friend:
        await friend.register()
        with pytest.raises(Refused, match="address_not_verified"):
            await friend.invitations()
        await verified(platform, friend, friend_is.email)
        [found] = (await friend.invitations()).items
        with pytest.raises(Refused):
            await stranger.accept(found.id)
        assert (found.journal_id, found.role) == (journal, "editor")

        async with contextlib.aclosing(friend.events()) as feed:
            await anext(feed)
            await friend.accept(found.id)
            heard = await anext(each async for each in feed if isinstance(each, Happened))
            assert heard.journal == journal
        assert [each.id for each in (await friend.journals()).items] == [journal]
        [came] = (await user.collaborators(journal)).items
        assert came.accepted_at is not None

        asked = await until(friend, journal, lambda view: bool(view.open_decisions))
        question = asked.open_decisions[0]
        answer = Answer(rev=question.rev, choice=Choice(option=question.default))
        assert (await friend.decide(journal, question.id, answer)).chosen_by == "user"
        ended = await over(user, journal)
        books = [each for each in await friend.artifacts(journal) if each.name.endswith(".pdf")]
        read = b"".join([chunk async for chunk in friend.download(books[0])])
        assert ended.status == "completed"
        assert read.startswith(b"%PDF-")

        await user.unshare(journal, invited.id)
        for looking in (friend.state(journal), friend.artifacts(journal), friend.draft(journal)):
            with pytest.raises(Refused) as refusal:
                await looking
            assert refusal.value.problem.status == 404
        assert (await friend.journals()).items == ()


async def test_an_invitation_that_is_declined_or_taken_back_opens_nothing(
    platform: Platform, user: Client
) -> None:
    friend_is = Credentials(email=f"{new_id()}@example.org", password=f"a pass phrase {new_id()}")
    journal = await user.order(JournalOrder(theme="Journaling for One", plan=PlanName.EXPRESS))
    await user.cancel(journal)

    async with Client.open(platform.url, friend_is) as friend:
        await friend.register()
        await verified(platform, friend, friend_is.email)
        await user.share(journal, ShareOrder(email=friend_is.email.upper()))
        declined = await _only(friend)
        await friend.decline(declined.id)
        again = await user.share(journal, ShareOrder(email=friend_is.email))
        offered = await _only(friend)
        await user.unshare(journal, again.id)

        for gone in (declined, offered):
            with pytest.raises(Refused) as refusal:
                await friend.accept(gone.id)
            assert refusal.value.problem.status == 404
        with pytest.raises(Refused):
            await friend.state(journal)
        assert (await user.collaborators(journal)).items == ()


async def _only(friend: Client) -> InvitationView:
    [found] = (await friend.invitations()).items
    return found
