/* The few of NVIDIA's functions that must behave: a device that has memory and computes nothing.

   Device memory is host memory. Streams, events and graphs are names. A kernel that is launched does nothing, so no
   number that comes out means anything. All other functions are made by stand_in.py: they succeed.
   Places in structures, and numbers of attributes, are those of CUDA 13 and cuDNN 9. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY ((size_t)16 << 30)
#define CAPABILITY 80
#define PLACE(type, bytes) (*(type *)((char *)properties + (bytes)))

static int something, capturing;
int stand_in_captured, stand_in_replayed; /* how many graphs; read by probe.py */

/* the driver, as archgraph asks it */

int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }

/* one device, with the sizes of an A100 */

int cudaGetDeviceCount(int *count) { return *count = 1, 0; }
int cudaGetDevice(int *number) { return *number = 0, 0; }
int cudaDriverGetVersion(int *version) { return *version = 13000, 0; }
int cudaRuntimeGetVersion(int *version) { return *version = 13000, 0; }
size_t cudnnGetVersion(void) { return 91400; }

int cudaGetDeviceProperties(void *properties, int number) {
    memset(properties, 0, 1008);
    strcpy(properties, "stand-in");
    PLACE(size_t, 288) = MEMORY;
    PLACE(size_t, 296) = 48 << 10;                      /* shared memory of a block */
    PLACE(int, 304) = PLACE(int, 632) = 64 << 10;       /* registers of a block, of a multiprocessor */
    PLACE(int, 308) = 32;                               /* threads of a warp */
    PLACE(int, 320) = 1024;                             /* threads of a block, and along its axes */
    PLACE(int, 324) = PLACE(int, 328) = 1024;
    PLACE(int, 332) = 64;
    PLACE(int, 336) = INT32_MAX;                        /* blocks along the axes of a grid */
    PLACE(int, 340) = PLACE(int, 344) = 65535;
    PLACE(int, 360) = CAPABILITY / 10;
    PLACE(int, 364) = CAPABILITY % 10;
    PLACE(int, 384) = 108;                              /* multiprocessors */
    PLACE(int, 596) = 40 << 20;                         /* second-level cache */
    PLACE(int, 604) = 2048;                             /* threads of a multiprocessor */
    PLACE(size_t, 624) = 164 << 10;                     /* shared memory of a multiprocessor */
    PLACE(size_t, 672) = 163 << 10;                     /* shared memory that a block may ask for */
    PLACE(int, 688) = 32;                               /* blocks of a multiprocessor */
    return 0;
}

int cudaDeviceGetAttribute(int *value, int attribute, int number) {
    switch (attribute) {
    case 8: *value = 48 << 10; break;
    case 10: *value = 32; break;
    case 16: *value = 108; break;
    case 75: *value = CAPABILITY / 10; break;
    case 76: *value = CAPABILITY % 10; break;
    case 81: *value = 164 << 10; break;
    case 97: *value = 163 << 10; break;
    default: *value = 1024;
    }
    return 0;
}

int cudaFuncGetAttributes(void *attributes, const void *kernel) {
    memset(attributes, 0, 144);
    ((int *)attributes)[6] = 1024;
    ((int *)attributes)[8] = ((int *)attributes)[9] = CAPABILITY;
    return 0;
}

/* memory, zeroed at first */

int cudaMalloc(void **place, size_t size) { return (*place = calloc(size ? size : 1, 1)) ? 0 : 2; }
int cudaMallocHost(void **place, size_t size) { return cudaMalloc(place, size); }
int cudaHostAlloc(void **place, size_t size, unsigned flags) { return cudaMalloc(place, size); }
int cudaMallocFromPoolAsync(void **place, size_t size, void *pool, void *stream) { return cudaMalloc(place, size); }
int cudaFree(void *place) { return free(place), 0; }
int cudaFreeHost(void *place) { return free(place), 0; }
int cudaFreeAsync(void *place, void *stream) { return free(place), 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { return *available = *total = MEMORY, 0; }
int cudaMemPoolGetAttribute(void *pool, int attribute, void *value) { return memset(value, 0, 8), 0; }
int cudaMemset(void *place, int value, size_t size) { return memset(place, value, size), 0; }
int cudaMemsetAsync(void *place, int value, size_t size, void *stream) { return memset(place, value, size), 0; }
int cudaMemcpy(void *to, const void *from, size_t size, int way) { return memmove(to, from, size), 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int way, void *stream) {
    return memmove(to, from, size), 0;
}
int cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size, size_t offset, int way) {
    return memset(to, 0, size), 0;
}
int cudaMemcpy2DAsync(char *to, size_t stride, const char *from, size_t pitch, size_t width, size_t height, int way,
                      void *stream) {
    for (size_t row = 0; row < height; row++) memmove(to + row * stride, from + row * pitch, width);
    return 0;
}
int cudaPointerGetAttributes(int *attributes, const void *place) {
    memset(attributes, 0, 88);
    attributes[0] = 2; /* it lies on the device */
    return 0;
}

/* kernels, streams and graphs */

void *__cudaRegisterFatBinary(void *code) { return &something; }
int __cudaGetKernel(const void **kernel, const void *entry) { return *kernel = entry, 0; }
int cudaLibraryLoadData(void **library) { return *library = &something, 0; }
int cudaLibraryGetKernel(void **kernel) { return *kernel = &something, 0; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks) { return *blocks = 1, 0; }
int cudaLaunchHostFunc(void *stream, void (*function)(void *), void *data) { return function(data), 0; }
int cudaEventElapsedTime(float *milliseconds) { return *milliseconds = 1, 0; }
int cudaStreamBeginCapture(void *stream, int mode) { return capturing = 1, 0; }
int cudaStreamIsCapturing(void *stream, int *status) { return *status = capturing, 0; }
int cudaStreamEndCapture(void *stream, void **graph) {
    stand_in_captured++;
    return capturing = 0, *graph = &something, 0;
}
int cudaGraphInstantiate(void **executable, void *graph) { return *executable = &something, 0; }
int cudaGraphLaunch(void *executable, void *stream) { return stand_in_replayed++, 0; }

/* words */

const char *cudaGetErrorName(int error) { return "an error of the stand-in"; }
const char *cudaGetErrorString(int error) { return "an error of the stand-in"; }
const char *cublasGetStatusName(int status) { return "a status of the stand-in"; }
const char *cublasGetStatusString(int status) { return "a status of the stand-in"; }
const char *cudnnGetErrorString(int status) { return "a status of the stand-in"; }
void cudnnGetLastErrorString(char *message, size_t size) { memset(message, 0, size); }

/* products and convolutions: one way of computing each is offered, without notes, choices or working memory */

int cublasGetMathMode(void *handle, int *mode) { return *mode = 0, 0; }
int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference,
                                   int asked, void *results, int *found) {
    return *found = 0, 0;
}
int cudnnBackendCreateDescriptor(int kind, void **descriptor) { return *descriptor = &something, 0; }
int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t asked, int64_t *found, void *elements) {
    enum { CHOICES = 302, KNOBS = 1302, NUMERICAL_NOTES = 1303, BEHAVIOUR_NOTES = 1305, INT64 = 3, INT32 = 23 };
    int none = name == CHOICES || name == KNOBS || name == NUMERICAL_NOTES || name == BEHAVIOUR_NOTES;
    if (found) *found = !none;
    if (elements && type == INT64) *(int64_t *)elements = 0;
    if (elements && type == INT32) *(int32_t *)elements = 0;
    return 0;
}
