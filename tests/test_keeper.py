"""The world follows the files of a real home: what changes is in force for the next request, what breaks is not."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

from mitmvault.addons.keeper import Keeper
from mitmvault.addons.posture import Posture
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.worlds import TOKENS, USERS

PASSWORD = "made-up-crypto-token"
GROQ = {"groq": {"keys": [{"key": "gsk-made-up-groq-0001"}]}}
OPENAI = {"openai": {"keys": [{"key": "sk-made-up-openai-0001"}]}}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    for name in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_AIG_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    monkeypatch.setenv("MITMVAULT_HOME", str(tmp_path / "home"))
    found = Home(tmp_path / "home")
    found.path.mkdir(mode=0o700)
    save(found, GROQ)
    store.save_users_document(found, USERS)
    return found


def save(home: Home, providers) -> None:
    store.save_vault_document(home, {"providers": providers}, Secret(PASSWORD))


def keep(scenario) -> None:
    """Run a scenario with a keeper that has started."""

    async def run() -> None:
        keeper = Keeper()
        with taddons.context(proxyserver.Proxyserver(), Posture(), keeper):
            keeper.running()
            await scenario(keeper)

    asyncio.run(run())


def test_before_the_start_there_is_no_world():
    keeper = Keeper()
    assert keeper.current is None and asyncio.run(keeper.world()) is None


def test_the_first_world(home, monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acct")
    monkeypatch.setenv("CLOUDFLARE_AIG_TOKEN", "aig")
    home.settings.write_text("body_limit: 7kb")
    home.catalogue.write_text("mine: {hosts: [mine.example]}")

    async def scenario(keeper):
        world = await keeper.world()
        assert world is keeper.current is await keeper.world()
        assert list(world.vault.providers) == ["groq"] and world.users.find(TOKENS["alice"]).name == "alice"
        assert world.settings.body_limit == 7168 and world.catalogue.by_host["mine.example"].id == "mine"
        assert (world.account, world.gateway_token, world.loopback_bind) == ("acct", Secret("aig"), True)

    keep(scenario)


def test_a_changed_vault_is_in_force_for_the_next_request(home):
    async def scenario(keeper):
        before = await keeper.world()
        save(home, OPENAI)
        assert list((await keeper.world()).vault.providers) == ["openai"]
        assert list(before.vault.providers) == ["groq"]  # a stream under way keeps its own

    keep(scenario)


def test_files_are_read_again_when_somebody_asks(home, caplog):
    async def scenario(keeper):
        before = await keeper.world()
        assert await keeper.world() is before
        keeper.reload()
        after = await keeper.world()
        assert after is not before and after is await keeper.world()
        assert "reloaded: " in caplog.text

    keep(scenario)


def test_a_revoked_user_is_out_at_once(home):
    async def scenario(keeper):
        store.save_users_document(home, {"bob": USERS["bob"]})
        users = (await keeper.world()).users
        assert users.find(TOKENS["alice"]) is None and users.find(TOKENS["bob"])

    keep(scenario)


BREAK = {
    "vault": lambda home: home.vault.write_text("garbage"),
    "vault gone": lambda home: home.vault.unlink(),
    "users": lambda home: home.users.write_text('{"alice": {"key": "x", '),
    "users gone": lambda home: home.users.unlink(),
    "settings": lambda home: home.settings.write_text("bogus: 1"),
    "settings no text": lambda home: home.settings.write_bytes(b"\xff\xfe"),
    "catalogue": lambda home: home.catalogue.write_text("a: {bogus: 1}"),
    "catalogue clash": lambda home: home.catalogue.write_text("a: {hosts: [api.groq.com]}"),
}


@pytest.mark.parametrize("name", BREAK)
def test_what_does_not_load_is_told_once_and_not_used(home, name, caplog):
    async def scenario(keeper):
        before = await keeper.world()
        BREAK[name](home)
        for _ in range(3):
            assert await keeper.world() is before
        assert caplog.text.count("is not used") == 1
        assert (keeper.loads.good, keeper.loads.failed, keeper.loads.ok) == (1, 1, False)
        save(home, OPENAI)
        store.save_users_document(home, USERS)
        home.settings.write_text("")
        home.catalogue.write_text("")
        assert list((await keeper.world()).vault.providers) == ["openai"]
        assert (keeper.loads.good, keeper.loads.failed, keeper.loads.ok) == (2, 1, True)

    keep(scenario)


def test_many_requests_cause_one_reload_and_all_wait_for_it(home, caplog):
    caplog.set_level("WARNING")

    async def scenario(keeper):
        save(home, OPENAI)
        worlds = await asyncio.gather(*(keeper.world() for _ in range(20)))
        assert {id(world) for world in worlds} == {id(keeper.current)}
        assert list(keeper.current.vault.providers) == ["openai"] and caplog.text.count("reloaded") == 1

    keep(scenario)


@pytest.mark.parametrize("name", ["vault", "users", "settings", "catalogue"])
def test_what_is_wrong_at_the_start_keeps_the_proxy_from_starting(home, name):
    BREAK[name](home)

    async def scenario(keeper):
        pytest.fail("it has started")

    with pytest.raises(exceptions.OptionsError):
        keep(scenario)


def test_the_wrong_password_at_the_start(home, monkeypatch):
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", "another")
    with pytest.raises(exceptions.OptionsError):
        keep(None)


# --- what was wrong once ---


def test_settings_that_cannot_be_applied_are_not_used(home):
    async def scenario(keeper):
        before = await keeper.world()
        home.settings.write_text("upstream_ca: nowhere.pem\nbody_limit: 1kb")
        assert await keeper.world() is before

    keep(scenario)


def test_a_catalogue_of_wrong_types_is_not_used(home):
    async def scenario(keeper):
        before = await keeper.world()
        home.catalogue.write_text("a: {auth: [{}]}")
        assert await keeper.world() is before

    keep(scenario)


def test_an_upstream_ca_that_is_gone_is_not_trusted_any_more(home):
    import certifi
    from mitmproxy import ctx

    home.settings.write_text(f"upstream_ca: {certifi.where()}")

    async def scenario(keeper):
        assert ctx.options.ssl_verify_upstream_trusted_ca
        home.settings.write_text("")
        await keeper.world()
        assert not ctx.options.ssl_verify_upstream_trusted_ca

    keep(scenario)


def test_our_own_ports_and_the_home_of_the_option(home, tmp_path, monkeypatch):
    monkeypatch.setenv("MITMVAULT_HOME", str(tmp_path / "elsewhere"))

    async def main():
        keeper = Keeper()
        keeper.embedded["demo"] = "http://127.0.0.1:5555"
        with taddons.context(proxyserver.Proxyserver(), Posture(), keeper) as tctx:
            tctx.options.mitmvault_home = str(home.path)
            tctx.options.mode = ["regular@127.0.0.1:8080", "transparent@127.0.0.1:8443"]
            keeper.running()
            assert keeper.home == home and {5555, 8080, 8443} <= keeper.current.own_ports

    asyncio.run(main())
    assert not (tmp_path / "elsewhere").exists()
