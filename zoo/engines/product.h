// Products of matrices by the kernels that oneDNN writes for their sizes: see onednn.py.
#pragma once
#include <algorithm>

#include <torch/csrc/inductor/aoti_torch/c/shim.h>

namespace at::native::cpublas {
void brgemm(int64_t M, int64_t N, int64_t K, int64_t ld_a, int64_t ld_b, int64_t ld_c, const bool add_C, const float* A,
            const float* B, float* C, bool is_vnni);
}

namespace zoo {

struct Stack {
  float* at;
  int64_t matrices = 1, apart = 0, rows = 1, columns, stride = 0, step;

  explicit Stack(AtenTensorHandle tensor) {
    void* data;
    int64_t dims, *sizes, *strides;
    aoti_torch_get_data_ptr(tensor, &data);
    aoti_torch_get_dim(tensor, &dims);
    aoti_torch_get_sizes(tensor, &sizes);
    aoti_torch_get_strides(tensor, &strides);
    if (dims > 2) matrices = sizes[dims - 3], apart = strides[dims - 3];
    if (dims > 1) rows = sizes[dims - 2], stride = strides[dims - 2];
    at = static_cast<float*>(data), columns = sizes[dims - 1], step = strides[dims - 1];
  }

  Stack turned() const {
    Stack made = *this;
    std::swap(made.rows, made.columns), std::swap(made.stride, made.step);
    return made;
  }
};

// What is read of b again and again, 128 KB, stays in the core's cache.
constexpr int64_t WIDE = 256, LONG = 128;

// c [M, N] = a [M, K] @ b [K, N], or onto what stands there; each row's numbers side by side
inline void multiply(float* c, int64_t stride, const Stack& a, const Stack& b, bool onto) {
  for (int64_t n = 0; n < b.columns; n += WIDE)
    for (int64_t k = 0; k < b.rows; k += LONG)
      at::native::cpublas::brgemm(a.rows, std::min(WIDE, b.columns - n), std::min(LONG, b.rows - k), a.stride, b.stride, stride,
                                  onto || k > 0, a.at + k, b.at + k * b.stride + n, c + n, false);
}

}  // namespace zoo

inline AOTITorchError aoti_torch_cpu_zoo_mm(AtenTensorHandle out, AtenTensorHandle left, AtenTensorHandle right) {
  const zoo::Stack c(out);
  zoo::Stack a(left), b(right);
  for (int64_t i = 0; i < c.matrices; i++, a.at += a.apart, b.at += b.apart)
    zoo::multiply(c.at + i * c.apart, c.stride, a, b, false);
  return AOTI_TORCH_SUCCESS;
}
