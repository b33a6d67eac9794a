// Normal numbers as PyTorch's CPU generator draws them (Tensor.normal_, float32, 16 or more), the same bits: see normals.py.
#include <cstdint>
#include <cstring>

#include <ATen/native/cpu/avx_mathfun.h>  // PyTorch's own sine, cosine and logarithm of eight numbers

namespace {

constexpr int N = 624, M = 397;

// Where torch.Generator.get_state() begins: the Mersenne twister (Matsumoto & Nishimura 1998, mt19937)
struct State {
  uint64_t seed;
  int32_t left, seeded;  // one more than the words that are left
  uint64_t next;
  uint64_t words[N];
};

inline uint32_t twisted(uint32_t a, uint32_t b) {
  return (((a & 0x80000000u) | (b & 0x7fffffffu)) >> 1) ^ (b & 1u ? 0x9908b0dfu : 0u);
}

// In two loops, each of which reads no word that it has written less than 227 words before
void renew(uint32_t* w) {
  for (int i = 0; i < N - M; i++) w[i] = w[i + M] ^ twisted(w[i], w[i + 1]);
  for (int i = N - M; i < N - 1; i++) w[i] = w[i + M - N] ^ twisted(w[i], w[i + 1]);
  w[N - 1] = w[M - 1] ^ twisted(w[N - 1], w[0]);
}

// A word's last 24 bits, as a number in [0, 1)
inline float uniform(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  y ^= y >> 18;
  return static_cast<float>(static_cast<int32_t>(y & 0xffffffu)) * 0x1p-24f;
}

struct Twister {
  uint32_t words[N];
  int next;

  void fill(float* x, int64_t n) {
    while (n > 0) {
      if (next == N) renew(words), next = 0;
      const int many = n < N - next ? static_cast<int>(n) : N - next;
      for (int i = 0; i < many; i++) x[i] = uniform(words[next + i]);
      x += many, n -= many, next += many;
    }
  }
};

// Box & Muller (1958): 8 pairs of uniform numbers become 8 pairs of normal ones
void transform(float* x) {
  const __m256 u1 = _mm256_sub_ps(_mm256_set1_ps(1.0f), _mm256_loadu_ps(x));
  const __m256 radius = _mm256_sqrt_ps(_mm256_mul_ps(_mm256_set1_ps(-2.0f), log256_ps(u1)));
  __m256 sine, cosine;
  sincos256_ps(_mm256_mul_ps(_mm256_set1_ps(6.28318530717958647692f), _mm256_loadu_ps(x + 8)), &sine, &cosine);
  const __m256 zero = _mm256_setzero_ps();  // the mean: it makes 0 of -0
  _mm256_storeu_ps(x, _mm256_add_ps(_mm256_mul_ps(radius, cosine), zero));
  _mm256_storeu_ps(x + 8, _mm256_add_ps(_mm256_mul_ps(radius, sine), zero));
}

}  // namespace

extern "C" void fill(float* x, int64_t n, State* state) {
  if (state->left < 1 || state->left > N) return;  // a generator of another kind
  Twister twister;
  for (int i = 0; i < N; i++) twister.words[i] = static_cast<uint32_t>(state->words[i]);
  twister.next = N + 1 - state->left;
  constexpr int64_t PIECE = 4096;  // a multiple of 16 that stays in the first-level cache
  for (int64_t from = 0; from < n; from += PIECE) {
    const int64_t to = n < from + PIECE ? n : from + PIECE;
    twister.fill(x + from, to - from);
    for (int64_t i = from; i + 16 <= to; i += 16) transform(x + i);
  }
  if (n % 16) {  // the last 16 anew
    twister.fill(x + n - 16, 16);
    transform(x + n - 16);
  }
  for (int i = 0; i < N; i++) state->words[i] = twister.words[i];
  state->left = N + 1 - twister.next;
  state->next = twister.next;
}
