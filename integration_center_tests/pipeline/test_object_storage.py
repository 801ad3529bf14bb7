"""A whole sync whose report lies in a bucket."""

import pytest

from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.insights.object_servers import BUCKET, S3Server, running
from integration_center_tests.pipeline.center import HEADER, PLAIN, Center, logins


@pytest.mark.proof
def test_a_report_in_a_bucket_is_synced_and_fetched_once(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(S3Server()) as s3:
        s3.client().create_bucket(Bucket=BUCKET)
        rows = [HEADER, *logins(PLAIN)]
        s3.put(f"walkme/logins/{YESTERDAY}.csv", "\n".join(",".join(map(str, row)) for row in rows))
        for name, value in {**s3.variables(), "WALKME_FILES_ROOT": f"s3://{BUCKET}/walkme"}.items():
            monkeypatch.setenv(name, value)
        center.integrate()
        s3.requests.clear()
        first, second = center.run(), center.run()
        assert center.sync(first).counts["rows"] == {"updated": len(PLAIN)}
        assert center.sync(second).counts["rows"] == {"unchanged": len(PLAIN)}
        assert s3.downloads() == [f"GET /{BUCKET}/walkme/logins/{YESTERDAY}.csv"]
        monkeypatch.setenv("WALKME_FILES_ROOT", "s3://elsewhere/walkme")
        failed = center.run()
        assert "s3://elsewhere/walkme: S3 answered 404 NoSuchBucket" in failed.error
