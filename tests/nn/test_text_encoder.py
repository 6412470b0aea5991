import zlib

import pytest
import torch

from activefreq.nn.text_encoder import TextEncoder, hashed_words


def test_hashed_words():
    tokens, there = hashed_words(["A Polyp!", "polyp of the colon"])
    polyp = 2 + zlib.crc32(b"polyp") % 4093
    assert tokens[0].tolist() == [1, 2 + zlib.crc32(b"a") % 4093, polyp, 4095, 0, 0]
    assert tokens[1, 1] == polyp
    assert there.tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    assert hashed_words(["word " * 50])[0].shape == (1, 32)


def test_a_phrase_means_the_same_in_any_company():
    torch.manual_seed(0)
    encoder = TextEncoder(width=16, layers=2, heads=2).eval()
    alone = encoder(*encoder.tokenize(["a polyp"]))
    together = encoder(*encoder.tokenize(["a polyp", "the dark border of a skin lesion"]))
    torch.testing.assert_close(together.pooled[:1], alone.pooled)
    torch.testing.assert_close(together.tokens[:1, :4], alone.tokens)
    assert together.padding[0].tolist() == [False] * 4 + [True] * 5
    assert (together.pooled[0] - together.pooled[1]).abs().max() > 0.1


@pytest.mark.parametrize("phrases", [[], ["a polyp", " "]])
def test_empty_phrases_are_refused(phrases):
    with pytest.raises(ValueError, match="TextEncoder: phrases must be one or more that are not empty"):
        TextEncoder(width=16, layers=1, heads=2).tokenize(phrases)
