"""The cost of a call is measured for every operator, beside a bare call that really is that operator's."""

import torch

import activefreq as af
from bench import overhead


def test_every_operator_has_a_row():
    with torch.inference_mode():
        rows = overhead.run(0)
    assert {row["operator"] for row in rows} == set(af.ops.__all__) - {"Selection", "backends"}


def test_the_bare_call_writes_what_the_operator_gives():
    with torch.inference_mode():
        for name, call in overhead.operators().items():
            made = overhead.bare(name, call)
            for output in (outputs := made()):
                output.zero_()
            again = {tensor.data_ptr(): tensor for tensor in made()}
            assert set(again) == {tensor.data_ptr() for tensor in outputs}, name
            assert any(tensor.any() for tensor in again.values()), name
