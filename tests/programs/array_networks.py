"""Networks and their losses in whole-array numpy: layers, attention, recurrence, normalisation, training steps."""

import functools

import numpy as np

from tests.programs import corpus
from tests.programs.corpus import integers, normal, uniform

# numpy adds in blocks and through BLAS: sums differ in their last digits.
case = functools.partial(corpus.case, ulp=32)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def cross_entropy_jax(jnp, w1, b1, w2, x, labels):
    z = jnp.tanh(x @ w1 + b1) @ w2
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - jnp.log(jnp.exp(z).sum(axis=1, keepdims=True))
    return -jnp.mean(log_p[jnp.arange(5), labels])


@case(
    normal(3, 4, seed=1), normal(4, seed=2), normal(4, 3, seed=3), normal(5, 3, seed=4), integers(0, 3, 5, seed=5),
    argnums=(0, 1, 2), smooth=True, jax=cross_entropy_jax,
)  # fmt: skip
def softmax_cross_entropy_network(w1, b1, w2, x, labels):
    hidden = np.tanh(x @ w1 + b1)
    logits = hidden @ w2
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


@case(
    normal(4, 2, seed=6),
    normal(8, 5, seed=7, scale=0.5),
    normal(8, seed=8, scale=0.1),
    argnums=(0, 1, 2),
    ulp=16,
    tags="slow",
)
def lstm_over_a_sequence(xs, w, b):
    h, c = np.zeros(2), np.zeros(2)
    outputs = []
    for x in xs:
        gates = w @ np.concatenate([x, h, [1.0]]) + b
        i, f, o = sigmoid(gates[:2]), sigmoid(gates[2:4]), sigmoid(gates[4:6])
        c = f * c + i * np.tanh(gates[6:])
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs).sum() + (c**2).sum()


@case(normal(3, 3, seed=9), normal(3, 3, seed=10), normal(4, 3, seed=11), argnums=(0, 1, 2), smooth=True, jax="same")
def gru_cell(wz, wh, xs):
    h = np.zeros(3)
    for t in range(xs.shape[0]):
        z = sigmoid(wz @ xs[t] + h)
        h = (1 - z) * h + z * np.tanh(wh @ (xs[t] * h + 1))
    return h @ h


def attention_jax(jnp, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T / jnp.sqrt(4.0)
    scores = jnp.where(jnp.tri(4) > 0, scores, -1e9)
    e = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
    return jnp.sum((e / e.sum(axis=-1, keepdims=True) @ v) ** 2)


@case(
    normal(4, 3, seed=12), normal(3, 4, seed=13), normal(3, 4, seed=14), normal(3, 4, seed=15), argnums=(0, 1, 2, 3),
    smooth=True, jax=attention_jax,
)  # fmt: skip
def attention_block(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T / np.sqrt(k.shape[-1])
    scores = np.where(np.tri(len(x)) > 0, scores, -1e9)
    return np.sum((softmax(scores) @ v) ** 2)


@case(normal(2, 3, 4, seed=16), normal(4, 4, seed=17), argnums=(0, 1), smooth=True, tags="slow", jax="same")
def multi_head_attention(x, w):
    b, n, d = x.shape
    heads = (x @ w).reshape(b, n, 2, d // 2).transpose(0, 2, 1, 3)
    scores = np.einsum("bhid,bhjd->bhij", heads, heads) / np.sqrt(d // 2)
    mixed = np.einsum("bhij,bhjd->bhid", softmax(scores), heads)
    return np.mean(mixed.transpose(0, 2, 1, 3).reshape(b, n, d) ** 2)


@case(
    normal(6, 3, seed=18), uniform(0.5, 1.5, 3, seed=19), normal(3, seed=20), argnums=(0, 1, 2), smooth=True, jax="same"
)
def batch_normalisation(x, gamma, beta):
    mean, var = x.mean(axis=0), x.var(axis=0)
    y = gamma * (x - mean) / np.sqrt(var + 1e-5) + beta
    return np.sum(np.tanh(y) ** 2)


@case(normal(3, 5, seed=21), uniform(0.5, 1.5, 5, seed=22), argnums=(0, 1), smooth=True, jax="same")
def layer_normalisation(x, gain):
    centred = x - x.mean(-1, keepdims=True)
    return ((centred / x.std(-1, keepdims=True)) * gain)[:, ::2].sum()


@case(normal(6, 6, seed=23), normal(3, 3, seed=24), argnums=(0, 1), smooth=True, jax="same")
def convolution_by_slices(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((rows, columns))
    for i in range(3):
        for j in range(3):
            out += kernel[i, j] * image[i : i + rows, j : j + columns]
    return np.sum(np.tanh(out))


@case(normal(2, 5, 5, seed=25), normal(3, 2, 2, 2, seed=26), argnums=(0, 1), smooth=True, jax="same")
def convolution_layer(x, w):
    """Patches gathered by index arrays, then one product."""
    i = np.arange(4)[:, None] + np.arange(2)
    patches = x[:, i[:, None, :, None], i[None, :, None, :]]
    y = np.einsum("chwij,ocij->ohw", patches, w)
    return np.logaddexp(0, y).mean()


@case(normal(6, 6, seed=27), jax="same")
def max_pooling(x):
    return (x.reshape(3, 2, 3, 2).max(axis=(1, 3)) ** 2).sum()


@case(normal(5, 3, seed=28), integers(0, 5, 7, seed=29), smooth=True, jax="same")
def embedding_lookup(table, tokens):
    bag = table[tokens].mean(axis=0)
    return bag @ bag + np.exp(table[tokens[::2], 1]).sum()


class Layer:
    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def __call__(self, x):
        self.output = np.tanh(x @ self.weights + self.bias)
        return self.output


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x)
        return x

    def penalty(self):
        return sum((layer.weights**2).sum() for layer in self.layers)


@case(normal(3, 3, seed=30), normal(3, seed=31), normal(4, 3, seed=32), argnums=(0, 1, 2), smooth=True, tags="slow")
def residual_network_of_objects(w, b, x):
    network = Network(Layer(w, b), Layer(w.T, 2 * b))
    return np.mean(network.forward(x) ** 2) + 0.1 * network.penalty()


@case(normal(6, 2, seed=33), normal(6, seed=34), normal(2, seed=35), argnums=(0, 1, 2), smooth=True, jax="same")
def training_by_adam(x, y, w):
    """Three steps of an optimiser inside the function, its gradient written out."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, 4):
        g = 2 * x.T @ (x @ w - y) / len(y)
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        w = w - 0.05 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-3)
    return np.mean((x @ w - y) ** 2)


@case(normal(4, 3, seed=36), normal(4, 3, seed=37), argnums=(0, 1), smooth=True, jax="same")
def contrastive_loss(a, b):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    z = a @ b.T / 0.5
    return -np.mean(np.diagonal(z) - np.log(np.sum(np.exp(z), axis=1)))


@case(normal(5, 4, seed=38), np.eye(4)[integers(0, 4, 5, seed=39)], 0.1, argnums=(0, 2), jax="same")
def label_smoothing(logits, one_hot, eps):
    target = one_hot * (1 - eps) + eps / logits.shape[1]
    return -(target * np.log(softmax(logits))).sum(axis=1).mean()


@case(normal(8, seed=40), (normal(8, seed=41) > 0), smooth=True, jax="same")
def focal_loss(z, positive):
    p = np.where(positive, sigmoid(z), 1 - sigmoid(z))
    return np.mean(-((1 - p) ** 2) * np.log(p))


@case(
    normal(4, 3, seed=42), normal(3, 4, seed=43), normal(2, 3, seed=44), normal(4, 2, seed=45), argnums=(0, 1, 2),
    smooth=True, jax="same",
)  # fmt: skip
def variational_autoencoder(x, encoder, decoder, noise):
    mean, log_var = np.split(x @ encoder, 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    rebuilt = z @ decoder
    divergence = -0.5 * np.sum(1 + log_var - mean**2 - np.exp(log_var), axis=1)
    return np.mean(np.sum((x - rebuilt) ** 2, axis=-1) + divergence)


@case(normal(4, 5, seed=46), normal(4, 5, seed=47) > -0.5, argnums=0, smooth=True, jax="same")
def dropout_with_given_mask(x, keep):
    dropped = np.where(keep, x / 0.7, 0.0)
    return np.sum(dropped**2) + np.exp(dropped).mean()


@case(normal(5, 4, seed=48), normal(4, 4, seed=49), argnums=(0, 1), smooth=True)
def positional_encoding(x, w):
    n, d = x.shape
    angle = np.arange(n)[:, None] / 10.0 ** (np.arange(0, d, 2) / d)
    code = np.empty((n, d))
    code[:, 0::2], code[:, 1::2] = np.sin(angle), np.cos(angle)
    return np.sum(relu((x + code) @ w) ** 2)


@case(normal(6, 3, seed=50), normal(3, 3, seed=51), argnums=(0, 1), smooth=True)
def graph_convolution(features, w):
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [0, 3]])
    adjacency = np.eye(6)
    adjacency[edges[:, 0], edges[:, 1]] = 1
    adjacency[edges[:, 1], edges[:, 0]] = 1
    scale = 1 / np.sqrt(adjacency.sum(axis=1))
    hidden = np.tanh((adjacency * np.outer(scale, scale)) @ features @ w)
    return (hidden.mean(0) ** 2).sum()


@case(
    {"w": [normal(2, 3, seed=52), normal(3, 1, seed=53)], "b": [normal(3, seed=54), normal(1, seed=55)]},
    normal(5, 2, seed=56), smooth=True,
)  # fmt: skip
def parameters_in_a_dict(params, x):
    for k, (w, b) in enumerate(zip(params["w"], params["b"])):
        x = x @ w + b
        if k < len(params["w"]) - 1:
            x = np.tanh(x)
    return float(np.mean(x[:, 0] ** 2))


@case(normal(7, seed=57), normal(3, 3, seed=58), normal(3, seed=59), argnums=(0, 1, 2), smooth=True)
def echo_state_network(signal, recurrent, readin):
    states = np.zeros((len(signal) + 1, 3))
    for t, s in enumerate(signal):
        states[t + 1] = 0.7 * states[t] + 0.3 * np.tanh(recurrent @ states[t] + readin * s)
    return np.var(states[1:], axis=0).sum()
