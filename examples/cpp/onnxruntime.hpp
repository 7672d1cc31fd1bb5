// The few functions of onnxruntime that running a model takes, without its headers.
//
// onnxruntime's C interface is one table of functions that only ever grows at its end, so a place
// in it holds for every later version. Whoever has the headers includes onnxruntime_cxx_api.h
// instead; the calls are the same.
#pragma once

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

class Model {
   public:
    /// Loads onnxruntime's shared library and a model.
    Model(const char *library, const std::string &file) {
        void *opened = dlopen(library, RTLD_NOW);
        if (!opened) throw std::runtime_error(dlerror());
        using Base = const void *const *(*)();
        auto base = reinterpret_cast<Base>(dlsym(opened, "OrtGetApiBase"));
        if (!base) throw std::runtime_error(std::string(library) + " is not onnxruntime");
        using GetApi = void *const *(*)(uint32_t);
        table = reinterpret_cast<GetApi>(base()[0])(kVersion);
        if (!table) throw std::runtime_error("this onnxruntime is older than 1.16");
        call(kCreateEnv, kWarning, "logitconf", &env);
        call(kCreateSessionOptions, &options);
        call(kCreateSession, env, file.c_str(), options, &session);
        call(kCreateCpuMemoryInfo, kDeviceAllocator, kDefaultMemory, &memory);
    }

    ~Model() {
        release(kReleaseMemoryInfo, memory);
        release(kReleaseSession, session);
        release(kReleaseSessionOptions, options);
        release(kReleaseEnv, env);
    }

    Model(const Model &) = delete;
    Model &operator=(const Model &) = delete;

    struct Answer {
        std::vector<float> logits, score;
        std::vector<uint8_t> mask;
    };

    /// Logits (N, K), score (N,) and mask (N,) of pixels (N, columns).
    Answer run(std::vector<float> &pixels, int64_t columns) {
        const int64_t rows = static_cast<int64_t>(pixels.size()) / columns;
        const std::array<int64_t, 2> shape{rows, columns};
        void *input = nullptr;
        call(kCreateTensorWithData, memory, static_cast<void *>(pixels.data()),
             pixels.size() * sizeof(float), shape.data(), shape.size(), kFloat, &input);
        const std::array<const char *, 1> inputs{"pixels"};
        const std::array<const char *, 3> outputs{"logits", "score", "mask"};
        std::array<void *, 3> values{};
        const void *const feeds[] = {input};
        call(kRun, session, static_cast<const void *>(nullptr), inputs.data(), feeds,
             inputs.size(), outputs.data(), outputs.size(), values.data());
        Answer answer{copied<float>(values[0]), copied<float>(values[1]),
                      copied<uint8_t>(values[2])};
        for (void *value : values) release(kReleaseValue, value);
        release(kReleaseValue, input);
        return answer;
    }

   private:
    // places in the table of version 16 of the interface
    enum Place : int {
        kGetErrorMessage = 2,
        kCreateEnv = 3,
        kCreateSession = 7,
        kRun = 9,
        kCreateSessionOptions = 10,
        kCreateTensorWithData = 49,
        kGetTensorData = 51,
        kGetElementCount = 64,
        kGetShape = 65,
        kCreateCpuMemoryInfo = 69,
        kReleaseEnv = 92,
        kReleaseStatus = 93,
        kReleaseMemoryInfo = 94,
        kReleaseSession = 95,
        kReleaseValue = 96,
        kReleaseShape = 99,
        kReleaseSessionOptions = 100,
    };
    static constexpr uint32_t kVersion = 16;
    static constexpr int kWarning = 2, kFloat = 1, kDeviceAllocator = 0, kDefaultMemory = 0;

    template <class... Arguments>
    void call(Place place, Arguments... arguments) {
        void *status = reinterpret_cast<void *(*)(Arguments...)>(table[place])(arguments...);
        if (!status) return;
        using Message = const char *(*)(const void *);
        const std::string words = reinterpret_cast<Message>(table[kGetErrorMessage])(status);
        release(kReleaseStatus, status);
        throw std::runtime_error(words);
    }

    void release(Place place, void *thing) {
        if (thing) reinterpret_cast<void (*)(void *)>(table[place])(thing);
    }

    template <class Element>
    std::vector<Element> copied(void *value) {
        void *shape = nullptr, *data = nullptr;
        size_t count = 0;
        call(kGetShape, static_cast<const void *>(value), &shape);
        call(kGetElementCount, static_cast<const void *>(shape), &count);
        release(kReleaseShape, shape);
        call(kGetTensorData, value, &data);
        const auto *first = static_cast<const Element *>(data);
        return {first, first + count};
    }

    void *const *table = nullptr;
    void *env = nullptr, *options = nullptr, *session = nullptr, *memory = nullptr;
};
