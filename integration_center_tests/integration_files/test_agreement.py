"""What the model alone calls an integration, Dagster takes: lists and the console read files without Dagster."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.parsing import parse_integration
from integration_center.integration_files.yaml_edit import write_new
from integration_center.pipeline.location.assembly import build_definitions
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.proofs import examples

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=255)
API_NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,254}", fullmatch=True)
OWNER = st.one_of(
    st.emails(), TEXT.map("team:{}".format), TEXT, st.sampled_from(["a@b.c", "a@b.co", ".a@b.co", "a@b.co1", "team:"])
)


def is_owner(owner: str) -> bool:
    try:
        IntegrationSpec.check_owners((owner,))
    except ValueError:
        return False
    return True


@st.composite
def specs(draw: st.DrawFn) -> IntegrationSpec:
    fields = draw(st.lists(API_NAME, min_size=2, max_size=4, unique_by=str.lower))
    return IntegrationSpec(
        name=draw(TEXT),
        environment=draw(st.sampled_from(["sandbox", "production"])),
        report=draw(TEXT),
        object=draw(API_NAME),
        keys=(KeyPair(column=draw(TEXT), field=fields[0]),),
        fields=tuple(FieldMapping(column=draw(TEXT), field=field) for field in fields[1:]),
        schedule=draw(st.sampled_from(["0 8 * * *", "*/5 0-3 * * 1#1", "0 0 31 * *", "0 8 29 2 *", "0 0 l * *"])),
        owners=tuple(owner for owner in draw(st.lists(OWNER, max_size=2)) if is_owner(owner)),
        gainsight=draw(st.none() | API_NAME),
    )


@examples(40)
@given(specs())
def test_what_the_model_takes_dagster_takes(spec: IntegrationSpec) -> None:
    text = write_new(spec)
    assert parse_integration(text).spec == spec
    with TemporaryDirectory() as place:
        folder = Path(place) / "any"
        folder.mkdir()
        (folder / "defs.yaml").write_text(text, encoding="utf-8")
        assert load_integrations(Path(place)).broken == {}
        names = {job.name for job in build_definitions(Path(place)).get_repository_def().get_all_jobs()}
    assert "any" in names
