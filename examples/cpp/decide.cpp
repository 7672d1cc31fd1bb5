// Use score and mask in C++. Run it with: decide LIBRARY MODEL_FOLDER

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "onnxruntime.hpp"

template <class Element>
std::vector<Element> read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto *first = reinterpret_cast<const Element *>(bytes.data());
    return {first, first + bytes.size() / sizeof(Element)};
}

int main(int count, char **words) {
    if (count != 3) return std::fputs("usage: decide LIBRARY MODEL_FOLDER\n", stderr), 2;
    try {
        const std::string folder = words[2];
        auto pixels = read<float>(folder + "/pixels.f32");
        const auto labels = read<uint8_t>(folder + "/labels.u8");

        Model model(words[1], folder + "/model.onnx");
        const auto [logits, score, mask] = model.run(pixels, 64);

        size_t accepted = 0, right = 0, right_accepted = 0;
        std::vector<int> digits;
        for (size_t row = 0; row < labels.size(); row++) {
            const auto *own = &logits[10 * row];
            digits.push_back(static_cast<int>(std::max_element(own, own + 10) - own));
            const bool hit = digits[row] == labels[row];
            accepted += mask[row];
            right += hit;
            right_accepted += hit && mask[row];
        }

        const size_t refused = std::find(mask.begin(), mask.end(), 0) - mask.begin();
        for (const size_t row : {size_t{0}, refused}) {
            const auto digit = "a " + std::to_string(digits[row]);
            std::printf("digit %zu: %s (score %.3f)\n", row,
                        mask[row] ? digit.c_str() : "I don't know", score[row]);
        }
        std::printf("accepted: %zu of %zu\n", accepted, labels.size());
        std::printf("accuracy of all: %.2f%%\n", 100.0 * right / labels.size());
        std::printf("accuracy of accepted: %.2f%%\n", 100.0 * right_accepted / accepted);
    } catch (const std::exception &error) {
        return std::fprintf(stderr, "error: %s\n", error.what()), 1;
    }
}
