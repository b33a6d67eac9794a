// zoo::mm(a, b), zoo::addmm(onto, a, b) and zoo::addmm_, which writes over onto: see onednn.py.
#include "product.h"

#include <vector>

namespace fbgemm {
template <typename T>
void transpose_simd(int64_t M, int64_t N, const T* from, int64_t ld_from, T* to, int64_t ld_to);
}

namespace {

// A tensor that an operation was given, and lets go of.
struct Given {
  AtenTensorHandle handle;

  explicit Given(StableIValue value) : handle(reinterpret_cast<AtenTensorHandle>(value)) {}
  ~Given() { aoti_torch_delete_tensor_object(handle); }
};

// Room for a product of as many dimensions as the given matrices.
AtenTensorHandle empty(const Given& left, const Given& right) {
  const zoo::Stack a(left.handle), b(right.handle);
  const int64_t sizes[] = {a.matrices, a.rows, b.columns}, strides[] = {a.rows * b.columns, b.columns, 1};
  int64_t dims;
  aoti_torch_get_dim(left.handle, &dims);
  AtenTensorHandle made;
  aoti_torch_empty_strided(dims, sizes + 3 - dims, strides + 3 - dims, aoti_torch_dtype_float32(), aoti_torch_device_type_cpu(), -1, &made);
  return made;
}

// Matrix i of x, each row's numbers side by side: where it lies, or copied into room.
zoo::Stack by_rows(zoo::Stack x, int64_t i, std::vector<float>& room) {
  x.at += i * x.apart;
  const bool lies = (x.step == 1 || x.columns == 1) && (x.stride >= x.columns || x.rows == 1);
  if (!lies) {
    room.resize(x.rows * x.columns);
    if (x.stride == 1 && x.step >= x.rows)
      fbgemm::transpose_simd<float>(x.columns, x.rows, x.at, x.step, room.data(), x.columns);
    else
      for (int64_t r = 0; r < x.rows; r++)
        for (int64_t c = 0; c < x.columns; c++) room[r * x.columns + c] = x.at[r * x.stride + c * x.step];
    x.at = room.data();
  }
  if (!lies || x.rows == 1) x.stride = x.columns;
  return x;
}

// out (+)= a b, out's rows end to end
void multiply(const zoo::Stack& out, const zoo::Stack& a, const zoo::Stack& b, bool onto) {
  static thread_local std::vector<float> left, right;
  for (int64_t i = 0; i < out.matrices; i++)
    zoo::multiply(out.at + i * out.apart, out.stride, by_rows(a, i, left), by_rows(b, i, right), onto);
}

void mm(StableIValue* stack, uint64_t, uint64_t) {
  const Given left(stack[0]), right(stack[1]);
  const AtenTensorHandle made = empty(left, right);
  multiply(zoo::Stack(made), zoo::Stack(left.handle), zoo::Stack(right.handle), false);
  stack[0] = reinterpret_cast<StableIValue>(made);
}

// onto: as large as the product, or one row of it; as a vector or as a matrix
void addmm(StableIValue* stack, uint64_t, uint64_t) {
  const Given given(stack[0]), left(stack[1]), right(stack[2]);
  const AtenTensorHandle made = empty(left, right);
  const zoo::Stack onto(given.handle), out(made);
  const int64_t apart = onto.matrices > 1 ? onto.apart : 0, down = onto.rows > 1 ? onto.stride : 0;
  for (int64_t i = 0; i < out.matrices; i++)
    for (int64_t r = 0; r < out.rows; r++) {
      const float* from = onto.at + i * apart + r * down;
      float* to = out.at + i * out.apart + r * out.stride;
      if (onto.step == 1)
        std::copy_n(from, out.columns, to);
      else
        for (int64_t c = 0; c < out.columns; c++) to[c] = from[c * onto.step];
    }
  multiply(out, zoo::Stack(left.handle), zoo::Stack(right.handle), true);
  stack[0] = reinterpret_cast<StableIValue>(made);
}

// The first argument is the result: it stays where it is.
void addmm_(StableIValue* stack, uint64_t, uint64_t) {
  const Given left(stack[1]), right(stack[2]);
  const zoo::Stack onto(reinterpret_cast<AtenTensorHandle>(stack[0])), a(left.handle), b(right.handle);
  if (onto.step == 1 || onto.columns == 1)
    multiply(onto, a, b, true);
  else  // onto lies column by column: onto' += b' a'
    multiply(onto.turned(), b.turned(), a.turned(), true);
}

struct Registered {
  TorchLibraryHandle library;

  Registered() {
    aoti_torch_library_init_impl("zoo", "CPU", __FILE__, __LINE__, &library);
    aoti_torch_library_impl(library, "mm", mm);
    aoti_torch_library_impl(library, "addmm", addmm);
    aoti_torch_library_impl(library, "addmm_", addmm_);
  }
} registered;

}  // namespace
