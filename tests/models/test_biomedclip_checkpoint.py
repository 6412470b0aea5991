import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, ViTModel

from activefreq.models.biomedclip_checkpoint import convert_biomedclip
from activefreq.models.freqmedclip import FreqMedCLIP

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "polyp", "the", "object", "lesion"]
WIDTH, HIDDEN, DEPTH, PATCH, GRID = 128, 96, 4, 8, 4
BERT = BertConfig(
    vocab_size=len(WORDS),
    hidden_size=WIDTH,
    intermediate_size=HIDDEN,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=16,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


@pytest.fixture(scope="module")
def state():
    """Random tensors under the names, and in the proportions, of the published file."""
    torch.manual_seed(0)
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + GRID * GRID, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    linear = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
    linear |= {"mlp.fc1": (HIDDEN, WIDTH), "mlp.fc2": (WIDTH, HIDDEN)}
    for number in range(DEPTH):
        for name, shape in linear.items():
            shapes |= {f"blocks.{number}.{name}.weight": shape, f"blocks.{number}.{name}.bias": shape[:1]}
        for name in ("norm1", "norm2"):
            shapes |= {f"blocks.{number}.{name}.{part}": (WIDTH,) for part in ("weight", "bias")}
    found = {f"visual.trunk.{name}": 0.1 * torch.randn(shape) for name, shape in shapes.items()}
    bert = BertModel(BERT, add_pooling_layer=False).state_dict()
    found |= {f"text.transformer.{name}": tensor for name, tensor in bert.items()}
    found |= {"text.proj.0.weight": torch.randn(80, WIDTH), "text.proj.2.weight": torch.randn(64, 80)}
    return found | {"visual.head.proj.weight": torch.randn(64, WIDTH), "logit_scale": torch.tensor(4.6)}


def timm_vit(state, images):
    """A pre-norm vision transformer as timm computes it, from timm's names: its last normalised tokens."""
    weights = {name.removeprefix("visual.trunk."): tensor for name, tensor in state.items()}

    def pair(name):
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    x = F.conv2d(images, *pair("patch_embed.proj"), stride=PATCH).flatten(2).mT
    x = torch.cat([weights["cls_token"].expand(len(x), -1, -1), x], dim=1) + weights["pos_embed"]
    for number in range(DEPTH):
        block = f"blocks.{number}"
        y = F.linear(F.layer_norm(x, (WIDTH,), *pair(f"{block}.norm1"), 1e-6), *pair(f"{block}.attn.qkv"))
        query, key, value = y.unflatten(-1, (3, WIDTH // 64, 64)).permute(2, 0, 3, 1, 4)
        weight = (query @ key.mT / 8).softmax(-1)
        x = x + F.linear((weight @ value).transpose(1, 2).flatten(2), *pair(f"{block}.attn.proj"))
        y = F.gelu(F.linear(F.layer_norm(x, (WIDTH,), *pair(f"{block}.norm2"), 1e-6), *pair(f"{block}.mlp.fc1")))
        x = x + F.linear(y, *pair(f"{block}.mlp.fc2"))
    return F.layer_norm(x, (WIDTH,), *pair("norm"), 1e-6)


@pytest.fixture(scope="module")
def converted(state, tmp_path_factory):
    folder = tmp_path_factory.mktemp("biomedclip")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "open_clip_model.safetensors")
    return convert_biomedclip(folder / "open_clip_model.safetensors", folder / "vocab.txt", folder / "out" / "here")


def test_the_vision_transformer_answers_as_timms(state, converted):
    model = ViTModel.from_pretrained(converted / "vision", add_pooling_layer=False).eval()
    images = torch.randn(2, 3, GRID * PATCH, GRID * PATCH)
    with torch.no_grad():
        torch.testing.assert_close(model(images).last_hidden_state, timm_vit(state, images), rtol=1e-4, atol=1e-4)


def test_the_text_transformer_answers_as_before(state, converted):
    model = BertModel.from_pretrained(converted / "text", add_pooling_layer=False).eval()
    before = BertModel(BERT, add_pooling_layer=False).eval()
    prefix = "text.transformer."
    before.load_state_dict({name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)})
    tokens = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        expected = before(input_ids=tokens).last_hidden_state
        torch.testing.assert_close(model(input_ids=tokens).last_hidden_state, expected)


def test_projections_are_kept(state, converted):
    kept = load_file(converted / "projections.safetensors")
    assert sorted(kept) == ["logit_scale", "text.proj.0.weight", "text.proj.2.weight", "visual.head.proj.weight"]
    assert all(torch.equal(kept[name], state[name]) for name in kept)
    assert sorted(path.name for path in converted.parent.iterdir()) == ["here"]  # no temporary folder is left


def test_freqmedclip_takes_the_folders(state, converted):
    sizes = {"input_size": 32, "pyramid": (8, 8, 8, 8), "frequency_widths": (8, 8, 8, 8), "bridge_width": 8}
    network = FreqMedCLIP.small(**sizes, vision=str(converted / "vision"), text=str(converted / "text")).eval()
    tokens, there = network.text.tokenize(["A polyp", "the lesion here"])
    assert tokens.tolist() == [[2, 5, 6, 3, 0], [2, 7, 9, 1, 3]]
    assert there.tolist() == [[1, 1, 1, 1, 0], [1] * 5]
    features = network.encode_text(["A polyp"])
    assert torch.equal(features.pooled, features.tokens[:, 0])
    assert network(torch.randn(1, 3, 32, 32), ["a polyp"]).shape == (1, 1, 32, 32)


def test_what_is_not_biomedclip_is_refused(state, converted, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))

    def convert(tensors, out=tmp_path / "out"):
        torch.save(tensors, tmp_path / "open_clip_pytorch_model.bin")
        return convert_biomedclip(tmp_path / "open_clip_pytorch_model.bin", tmp_path / "vocab.txt", out)

    lacking = {name: t for name, t in state.items() if name != "visual.trunk.blocks.2.mlp.fc1.weight"}
    with pytest.raises(ValueError, match=r"lacks visual\.trunk\.blocks\.2\.mlp\.fc1\.weight"):
        convert(lacking)
    with pytest.raises(ValueError, match=r"visual\.trunk\.blocks\.0\.ls1\.gamma is no part of a plain ViT"):
        convert(state | {"visual.trunk.blocks.0.ls1.gamma": torch.ones(WIDTH)})
    with pytest.raises(ValueError, match=r"has no text\.transformer\.\*: it is not BiomedCLIP's"):
        convert({name: t for name, t in state.items() if not name.startswith("text.transformer.")})
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt does not exist"):
        convert_biomedclip(tmp_path / "vocab.txt", tmp_path / "nowhere.txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(FileExistsError, match="exists already"):
        convert(state, converted)
    assert (convert(state) / "vision" / "config.json").is_file()
