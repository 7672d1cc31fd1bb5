/* Runs a list of jobs through onnxruntime's C function table, without its headers.
 *
 * Usage: c_runner LIBRARY FOLDER API_VERSION. Reads FOLDER/jobs.txt: one line a job,
 *   model file, input name, input file, rank, dims ..., number of outputs, output names ...
 * with float32 inputs. Prints the version, then one JSON line a job.
 *
 * The table only ever grows at its end, so the places below hold for every version from 1.2 on.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    CREATE_TENSOR_WITH_DATA = 49,
    GET_TENSOR_MUTABLE_DATA = 51,
    GET_TENSOR_ELEMENT_TYPE = 60,
    GET_DIMENSIONS_COUNT = 61,
    GET_DIMENSIONS = 62,
    GET_TENSOR_TYPE_AND_SHAPE = 65,
    CREATE_CPU_MEMORY_INFO = 69,
};
enum { ELEMENT_FLOAT = 1, ELEMENT_UINT8 = 2, ELEMENT_INT64 = 7, ELEMENT_BOOL = 9 };
enum { LONGEST_LINE = 4096, MOST_DIMS = 8, MOST_OUTPUTS = 8 };

typedef struct {
    void *const *(*get_api)(uint32_t);
    const char *(*get_version)(void);
} ApiBase;

static void *const *api;

#define CALL(place, ...) ((void *(*)())api[place])(__VA_ARGS__)

static int failed(void *status) {
    if (!status) return 0;
    const char *message = ((const char *(*)(const void *))api[GET_ERROR_MESSAGE])(status);
    fputs("{\"error\": \"", stdout);
    for (const char *c = message; *c && c - message < 400; c++)
        putchar(*c == '"' || *c == '\\' || *c < ' ' ? ' ' : *c);
    puts("\"}");
    return 1;
}

static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*size + 1);
    if (fread(data, 1, *size, file) != *size) *size = 0;
    fclose(file);
    return data;
}

static int write_output(const char *folder, int job, int place, void *value, char *text) {
    void *info = NULL, *data = NULL;
    int element = 0;
    size_t rank = 0, count = 1;
    int64_t dims[MOST_DIMS];
    if (failed(CALL(GET_TENSOR_TYPE_AND_SHAPE, value, &info))) return 0;
    if (failed(CALL(GET_TENSOR_ELEMENT_TYPE, info, &element))) return 0;
    if (failed(CALL(GET_DIMENSIONS_COUNT, info, &rank))) return 0;
    if (failed(CALL(GET_DIMENSIONS, info, dims, rank))) return 0;
    if (failed(CALL(GET_TENSOR_MUTABLE_DATA, value, &data))) return 0;
    const char *name = element == ELEMENT_FLOAT ? "float32"
                       : element == ELEMENT_INT64 ? "int64"
                       : element == ELEMENT_BOOL ? "bool" : "uint8";
    size_t width = element == ELEMENT_FLOAT ? 4 : element == ELEMENT_INT64 ? 8 : 1;
    text += sprintf(text, "%s{\"dtype\": \"%s\", \"shape\": [", place ? ", " : "", name);
    for (size_t i = 0; i < rank; i++) {
        text += sprintf(text, "%s%lld", i ? ", " : "", (long long)dims[i]);
        count *= (size_t)dims[i];
    }
    sprintf(text, "]}");
    char path[LONGEST_LINE];
    snprintf(path, sizeof path, "%s/%d.out%d.bin", folder, job, place);
    FILE *file = fopen(path, "wb");
    fwrite(data, width, count, file);
    fclose(file);
    return 1;
}

static void run_job(const char *folder, int job, char *line, void *env, void *options,
                    void *memory) {
    char path[LONGEST_LINE], text[LONGEST_LINE] = "";
    const char *names[MOST_OUTPUTS];
    void *session = NULL, *input = NULL, *outputs[MOST_OUTPUTS] = {0};
    int64_t dims[MOST_DIMS];
    const char *model = strtok(line, " \n"), *name = strtok(NULL, " \n");
    snprintf(path, sizeof path, "%s/%s", folder, strtok(NULL, " \n"));
    size_t size = 0;
    void *data = read_file(path, &size);
    size_t rank = (size_t)atoi(strtok(NULL, " \n"));
    for (size_t i = 0; i < rank; i++) dims[i] = atoll(strtok(NULL, " \n"));
    size_t count = (size_t)atoi(strtok(NULL, " \n"));
    for (size_t i = 0; i < count; i++) names[i] = strtok(NULL, " \n");
    snprintf(path, sizeof path, "%s/%s", folder, model);
    if (failed(CALL(CREATE_SESSION, env, path, options, &session))) return;
    if (failed(CALL(CREATE_TENSOR_WITH_DATA, memory, data, size, dims, rank, ELEMENT_FLOAT,
                    &input))) return;
    if (failed(CALL(RUN, session, NULL, &name, (const void *const *)&input, (size_t)1, names,
                    count, outputs))) return;
    for (size_t i = 0; i < count; i++)
        if (!write_output(folder, job, (int)i, outputs[i], text + strlen(text))) return;
    printf("{\"outputs\": [%s]}\n", text);
    free(data);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    const ApiBase *(*base)(void) = (const ApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
    api = base()->get_api((uint32_t)atoi(argv[3]));
    if (!api) return 4;
    printf("{\"version\": \"%s\"}\n", base()->get_version());
    void *env = NULL, *options = NULL, *memory = NULL;
    if (failed(CALL(CREATE_ENV, 4, "logitconf", &env))) return 5;
    if (failed(CALL(CREATE_SESSION_OPTIONS, &options))) return 5;
    if (failed(CALL(CREATE_CPU_MEMORY_INFO, 0, 0, &memory))) return 5;
    char path[LONGEST_LINE], line[LONGEST_LINE];
    snprintf(path, sizeof path, "%s/jobs.txt", argv[2]);
    FILE *jobs = fopen(path, "r");
    for (int job = 0; jobs && fgets(line, sizeof line, jobs); job++) {
        run_job(argv[2], job, line, env, options, memory);
        fflush(stdout);
    }
    return 0;
}
