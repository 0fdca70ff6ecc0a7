"""Does the app answer as the engine does?"""

import pytest


@pytest.mark.vlm_requires("app")
def test_app_answers_as_the_engine(app_client, predict, samples):
    sample = samples[0]
    assert app_client.answer(sample) == predict([sample])[0].answer
