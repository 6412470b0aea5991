import json
import zlib

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from activefreq.nn.adapted_transformer import AdaptedTransformer
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


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Folder of a whole CLIP model with its tokenizer, stored in half precision, as many on the hub are."""
    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    text = sizes | {"vocab_size": len(tokens), "bos_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 12}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=sizes | {"image_size": 32, "patch_size": 8}))
    model.half().save_pretrained(folder)
    return folder, model.float().eval()


def test_half_of_a_clip_model(clip):
    folder, model = clip
    encoder = TextEncoder(str(folder)).eval()
    tokens, there = encoder.tokenize(["a polyp", "a lesion of the skin"])
    assert tokens[0].tolist() == [0, 28, 17, 16, 13, 26, 43, 1, 1, 1, 1, 1]
    assert there.sum(dim=1).tolist() == [8, 12]  # longer phrases are cut to what the model takes
    features = encoder(tokens, there)
    assert features.tokens.dtype == torch.float32
    expected = model.text_model(input_ids=tokens[:1, :8])
    torch.testing.assert_close(features.pooled[:1], expected.pooler_output)
    torch.testing.assert_close(features.tokens[:1, :8], expected.last_hidden_state)
    vision = AdaptedTransformer(16, str(folder), image_size=32, adapter="none").eval()
    images = torch.randn(1, 3, 32, 32)
    hidden = model.vision_model(images, output_hidden_states=True).hidden_states[2]
    torch.testing.assert_close(vision(images, features)[1].flatten(2).mT, hidden[:, 1:])
