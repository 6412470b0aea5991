import torch

from activefreq.nn.text_conditioning import FiLM, TextConditionedAdapter, TextFeatures


def features(batch, length=3, width=6):
    return TextFeatures(
        torch.randn(batch, length, width), torch.randn(batch, width), torch.zeros(batch, length, dtype=torch.bool)
    )


def test_film_begins_as_the_identity_and_is_the_formula():
    torch.manual_seed(0)
    film = FiLM(4, 6)
    x, pooled = torch.randn(2, 4, 3, 5), torch.randn(2, 6)
    assert torch.equal(film(x, pooled), x)
    torch.nn.init.normal_(film.pair.weight)
    gain, offset = film.pair(torch.nn.functional.gelu(film.hidden(pooled))).split(4, dim=1)
    torch.testing.assert_close(film(x, pooled)[1, 2], gain[1, 2] * x[1, 2] + offset[1, 2])
    tokens = x.flatten(2).mT
    torch.testing.assert_close(film(tokens, pooled).mT.unflatten(2, (3, 5)), film(x, pooled))


def test_adapter_begins_as_the_identity():
    torch.manual_seed(0)
    adapter = TextConditionedAdapter(8, 6, 4, heads=2)
    x = torch.randn(2, 5, 8)
    assert torch.equal(adapter(x, features(2)), x)
    torch.nn.init.normal_(adapter.attention.out.weight)
    assert not torch.equal(adapter(x, features(2)), x)


def test_rows_spread_phrases_over_a_batch():
    torch.manual_seed(0)
    text = features(2)
    spread = text.rows(torch.tensor([1, 0, 1]))
    assert torch.equal(spread.pooled, text.pooled[[1, 0, 1]])
    assert torch.equal(spread.tokens[2], text.tokens[1])
    assert spread.padding.shape == (3, 3)
