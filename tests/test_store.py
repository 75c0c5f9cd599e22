"""Reading and replacing the vault and the users: checked first, nothing lost."""

import threading

import pytest

from mitmvault.core.configuration import users
from mitmvault.core.configuration.users import UsersError
from mitmvault.core.configuration.vault import VaultError
from mitmvault.core.formats import openssl
from mitmvault.core.formats.openssl import SealError
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home, HomeError

PASSWORD = Secret("made-up-crypto-token")
DOCUMENT = {"version": 1, "providers": {"x": {"keys": [{"key": "made-up-key"}], "userAgent": "é"}}, "crawlers": []}
USERS = {"alice": {"key": "made-up-token", "mail": "a@x"}}


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_vault_round_trip(home):
    store.save_vault_document(home, DOCUMENT, PASSWORD)
    assert store.load_vault(home, PASSWORD).providers["x"].keys[0].secret == Secret("made-up-key")
    assert store.load_vault_document(home, PASSWORD) == DOCUMENT
    assert home.vault.stat().st_mode & 0o777 == 0o600 and b"made-up" not in home.vault.read_bytes()


def test_equal_vaults_do_not_look_equal(home):
    assert store.seal(b'{"providers":{}}', PASSWORD) != store.seal(b'{"providers":{}}', PASSWORD)


def test_plaintext_is_kept_byte_for_byte(home):
    plain = b' {"providers":\t{} }\r\n'
    store.save_vault(home, plain, PASSWORD)
    assert store.read_vault(home, PASSWORD) == plain


def test_users_round_trip(home):
    store.save_users_document(home, USERS)
    assert store.load_users(home).find("made-up-token") and store.load_users_document(home) == USERS


@pytest.mark.parametrize(
    "document", [{}, {"providers": []}, {"providers": {"x": {"keys": [{"key": 1}]}}}, {"providers": {"a b": {}}}]
)
def test_a_bad_vault_replaces_nothing(home, document):
    store.save_vault_document(home, DOCUMENT, PASSWORD)
    before = home.vault.read_bytes()
    with pytest.raises(VaultError):
        store.save_vault_document(home, document, PASSWORD)
    assert home.vault.read_bytes() == before and len(list(home.path.iterdir())) == 1


@pytest.mark.parametrize("document", [{"alice": 1}, {"alice": {}}, {"alice": {"key": "short"}}])
def test_bad_users_replace_nothing(home, document):
    store.save_users_document(home, USERS)
    with pytest.raises(UsersError):
        store.save_users_document(home, document)
    with pytest.raises(UsersError):
        store.change_users(home, lambda _old: document)
    assert store.load_users_document(home) == USERS


def test_a_stale_base_is_refused(home):
    store.save_vault_document(home, DOCUMENT, PASSWORD, base="")
    base = store.version_of(home.vault)
    store.save_vault_document(home, DOCUMENT, PASSWORD, base=base)
    for stale in (base, ""):
        with pytest.raises(store.StaleError, match="has changed"):
            store.save_vault_document(home, {"providers": {}}, PASSWORD, base=stale)
    assert store.load_vault_document(home, PASSWORD) == DOCUMENT
    store.save_users_document(home, USERS)
    with pytest.raises(store.StaleError, match=r"users\.json"):
        store.save_users_document(home, {}, base="0" * 32)


def test_changes_at_once_are_all_kept(home):
    names = [f"user{number}" for number in range(20)]

    def add(name: str) -> None:
        store.change_users(home, lambda old: users.added(old, name, {"key": f"made-up-{name}"}))

    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store.load_users_document(home)) == sorted(names)


@pytest.mark.parametrize("load", [lambda home: store.load_vault(home, PASSWORD), store.load_users])
def test_missing_files_say_what_to_do(home, load):
    with pytest.raises(HomeError, match="mitmvault serve"):
        load(home)


def test_no_users_yet(home):
    assert store.load_users_document(home) == {} and store.version_of(home.users) == ""


def test_a_wrong_password(home):
    store.save_vault_document(home, DOCUMENT, PASSWORD)
    with pytest.raises(SealError):
        store.load_vault(home, Secret("made-up-wrong"))


def test_noise_is_a_wrong_password(home):
    # One wrong password in 256 leaves correct padding behind. Sealed noise stands for what then comes out.
    noise = openssl.seal(bytes(range(256)), PASSWORD, b"saltsalt")
    with pytest.raises(SealError, match="does not open") as caught:
        store.unseal(noise, PASSWORD)
    assert caught.value.__context__ is None


def test_replace_a_vault_by_a_sealed_one(home):
    first, second = (store.seal(b'{"providers": {}, "n": %d}' % n, PASSWORD) for n in (1, 2))
    assert store.sealed_vault(home) is None
    seen = []
    store.replace_vault(home, first, PASSWORD, lambda version: not seen.append(version))
    store.replace_vault(home, second, PASSWORD, lambda version: not seen.append(version))
    assert seen == ["", store.version(first)] and store.sealed_vault(home) == second
    with pytest.raises(store.StaleError):
        store.replace_vault(home, first, PASSWORD, lambda version: False)
    with pytest.raises(SealError):
        store.replace_vault(home, first, Secret("wrong"), lambda version: True)
    with pytest.raises(VaultError):
        sealed = openssl.seal(b"{}", PASSWORD, b"12345678")
        store.replace_vault(home, sealed.replace(b"\n", b""), PASSWORD, lambda version: True)
    assert store.sealed_vault(home) == second and home.vault.stat().st_mode & 0o777 == 0o600
