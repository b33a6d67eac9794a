// out [..., M, N] = a [..., M, K] @ b [..., K, N], each row's numbers side by side, by the kernels that oneDNN writes for these sizes.
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
    int64_t matrices = 1, apart = 0, rows, columns, stride;

    explicit Stack(AtenTensorHandle tensor) {
        void* data;
        int64_t dims, *sizes, *strides;
        aoti_torch_get_data_ptr(tensor, &data);
        aoti_torch_get_dim(tensor, &dims);
        aoti_torch_get_sizes(tensor, &sizes);
        aoti_torch_get_strides(tensor, &strides);
        if (dims == 3) matrices = sizes[0], apart = strides[0];
        at = static_cast<float*>(data), rows = sizes[dims - 2], columns = sizes[dims - 1], stride = strides[dims - 2];
    }
};

// What is read of b again and again, 128 KB, stays in the core's cache.
constexpr int64_t WIDE = 256, LONG = 128;

}  // namespace zoo

inline AOTITorchError aoti_torch_cpu_zoo_product(AtenTensorHandle out, AtenTensorHandle left, AtenTensorHandle right) {
    const zoo::Stack c(out), a(left), b(right);
    for (int64_t i = 0; i < c.matrices; i++)
        for (int64_t n = 0; n < b.columns; n += zoo::WIDE)
            for (int64_t k = 0; k < b.rows; k += zoo::LONG)
                at::native::cpublas::brgemm(a.rows, std::min(zoo::WIDE, b.columns - n), std::min(zoo::LONG, b.rows - k),
                                            a.stride, b.stride, c.stride, k > 0, a.at + i * a.apart + k,
                                            b.at + i * b.apart + k * b.stride + n, c.at + i * c.apart + n, false);
    return AOTI_TORCH_SUCCESS;
}
