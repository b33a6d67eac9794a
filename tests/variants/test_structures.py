"""The variants that add networks: PacGAN, MGAN, VEEGAN, BiGAN."""

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor
from torch.nn.functional import softplus

from zoo.game import play
from zoo.nets.kits import MLP, Conv
from zoo.variants.bigan import BiGAN
from zoo.variants.mgan import MGAN
from zoo.variants.ns import NonSaturating
from zoo.variants.pacgan import PacGAN
from zoo.variants.veegan import VEEGAN


def p(logits: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.detach().numpy()))


def test_pacgan(small) -> None:
    s = small(PacGAN(pack=3), batch=7)  # two packs, one sample over

    def judge(x: Tensor) -> np.ndarray:
        return np.stack([p(s.D(torch.cat([x[0], x[1], x[2]])[None])), p(s.D(torch.cat([x[3], x[4], x[5]])[None]))])

    real, fake = judge(s.batch.x), judge(s.G(s.batch.z))
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), -np.log(real).mean() - np.log(1 - fake).mean())
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), -np.log(fake).mean())


def test_a_pack_of_one_is_ns(small) -> None:
    ours, theirs = small(PacGAN(pack=1)), small(NonSaturating())
    for loss in ("d_loss", "g_loss"):
        found, expected = (getattr(s.variant, loss)(s.nets, s.batch) for s in (ours, theirs))
        torch.testing.assert_close(found, expected)


def test_packs_of_images_join_channels(small) -> None:
    s = small(PacGAN(pack=2), Conv((1, 8, 8), 3, width=4), batch=4)
    packs = s.variant.packs(s.batch.x)
    assert packs.shape == (2, 2, 8, 8)
    assert torch.equal(packs[1, 0], s.batch.x[2, 0])
    assert torch.equal(packs[1, 1], s.batch.x[3, 0])


def test_packs_of_standardised_points() -> None:
    kit = MLP((2,), 3, width=4, standard=(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))).packed(2)
    assert kit.shape == (4,)
    assert kit.discriminator()(torch.zeros(5, 4)).shape == (5, 1)
    assert torch.equal(kit.standard[0], torch.tensor([1.0, 2.0, 1.0, 2.0]))


def test_mgan(small) -> None:
    s = small(MGAN(n=3, beta=0.4), batch=7)
    first, shared = s.G[0].branches, s.G[1].module
    samples = torch.cat([shared(first[i % 3](s.batch.z[i : i + 1])) for i in range(7)])
    torch.testing.assert_close(s.variant.sample(s.nets, s.batch.z), samples)
    assert s.variant.origin(7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    out = s.D(samples).detach().numpy()
    C = np.exp(out[:, 1:]) / np.exp(out[:, 1:]).sum(1, keepdims=True)
    confusion = -np.mean([np.log(C[i, i % 3]) for i in range(7)])
    D = 1 / (1 + np.exp(-out[:, 0]))
    d_loss = -np.log(p(s.D(s.batch.x)[:, 0])).mean() - np.log(1 - D).mean() + confusion
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), d_loss, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), -np.log(D).mean() + 0.4 * confusion, rtol=1e-10)


def test_veegan(small) -> None:
    s = small(VEEGAN(recon=0.6, sigma=0.7))
    x, z = s.batch.x, s.batch.z
    fake = s.G(z)
    reconstruction = np.mean([((z[i] - s.F(fake)[i]).detach().numpy() ** 2).sum() for i in range(6)])
    logit = s.D(fake, z)
    d_loss = (
        -np.log(p(logit)).mean() - np.log(1 - p(s.D(x, s.F(x) + 0.7 * torch.as_tensor(norm.ppf(s.batch.u))))).mean()
    )
    expected = {"D": d_loss, "G": logit.mean().item() + 0.6 * reconstruction, "F": reconstruction}
    for player in s.variant.players():
        np.testing.assert_allclose(player.loss(s.nets, s.batch), expected[player.name], rtol=1e-6)


def test_veegan_moves_all_three_from_one_point(small) -> None:
    """Algorithm 1: three gradients, then three steps; Adam's first is lr g / (|g| + eps). F is not moved by D."""
    s = small(VEEGAN(recon=0.6, sigma=0.7), lr=0.01)
    x, z = s.batch.x, s.batch.z
    drawn = s.F(x) + 0.7 * torch.as_tensor(norm.ppf(s.batch.u))
    d = softplus(-s.D(s.G(z), z)).mean() + softplus(s.D(x, drawn)).mean()
    d_z = ((z - s.F(s.G(z))) ** 2).sum(1).mean()
    moved, _ = play(s.variant.players(), s.variant.simultaneous, s.nets, [s.batch] * 3)
    for name, loss in {"D": d, "G": s.D(s.G(z), z).mean() + 0.6 * d_z, "F": d_z}.items():
        g = torch.cat([w.flatten() for w in torch.autograd.grad(loss, s.weights(name), retain_graph=True)])
        expected = s.nets.params[name] - 0.01 * g / (g.abs() + 1e-8)
        torch.testing.assert_close(moved.params[name], expected, rtol=1e-6, atol=1e-6)


def test_veegan_s_d_cannot_tell_by_many_latents_alone(small) -> None:
    """A D that reads |z| and no x: N(F(x), 1) of a small F(x) is as long as z, F(x) itself is not."""
    s = small(VEEGAN(), MLP((2,), latent=100, width=7), batch=200)

    class Length:
        D = staticmethod(lambda x, z: z.norm(dim=1, keepdim=True) - 5)
        F, G = s.nets.F, s.nets.G

    blind = 2 * np.log(2)
    assert VEEGAN(sigma=0).d_loss(Length, s.batch) < 0.1 * blind
    assert VEEGAN().d_loss(Length, s.batch) > blind


def test_bigan(small) -> None:
    s = small(BiGAN())
    x, z = s.batch.x, s.batch.z
    encoded, generated = p(s.D(x, s.E(x))), p(s.D(s.G(z), z))
    D, G = s.variant.players()
    np.testing.assert_allclose(D.loss(s.nets, s.batch), -np.log(encoded).mean() - np.log(1 - generated).mean())
    np.testing.assert_allclose(G.loss(s.nets, s.batch), -np.log(1 - encoded).mean() - np.log(generated).mean())
    assert G.networks == ["G", "E"]


def test_joint_sees_x_and_z(small) -> None:
    s = small(BiGAN())
    x, z = s.batch.x, s.batch.z
    assert not torch.allclose(s.D(x, z), s.D(x + 1, z))
    assert not torch.allclose(s.D(x, z), s.D(x, z + 1))
