/* The few functions of NVIDIA's libraries that must behave, for a device that has memory and computes nothing.

   Device memory is host memory, zeroed. Streams, events and graphs are names. A kernel that is launched does nothing, so
   no number that comes out means anything. All other functions are generated beside this file: they succeed.
   Places in structures are those of CUDA 13 and cuDNN 9. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY ((size_t)16 << 30)
#define PROPERTY(type, place) (*(type *)((char *)properties + (place)))

static int device;
static int capturing;

/* the driver */

int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }

/* the device */

int cudaGetDeviceCount(int *count) { return *count = 1, 0; }
int cudaGetDevice(int *number) { return *number = 0, 0; }
int cudaDriverGetVersion(int *version) { return *version = 13000, 0; }
int cudaRuntimeGetVersion(int *version) { return *version = 13000, 0; }

int cudaGetDeviceProperties(void *properties, int number) {
    memset(properties, 0, 1008);
    strcpy(properties, "stand-in");
    PROPERTY(size_t, 288) = MEMORY;
    PROPERTY(size_t, 296) = 48 << 10;   /* shared memory of a block */
    PROPERTY(int, 304) = 64 << 10;      /* registers of a block */
    PROPERTY(int, 308) = 32;            /* threads of a warp */
    PROPERTY(int, 320) = 1024;          /* threads of a block */
    PROPERTY(int, 324) = PROPERTY(int, 328) = 1024;
    PROPERTY(int, 332) = 64;
    PROPERTY(int, 336) = INT32_MAX;     /* blocks of a grid */
    PROPERTY(int, 340) = PROPERTY(int, 344) = 65535;
    PROPERTY(int, 360) = CAPABILITY / 10;
    PROPERTY(int, 364) = CAPABILITY % 10;
    PROPERTY(int, 384) = 108;           /* multiprocessors */
    PROPERTY(int, 596) = 40 << 20;      /* second-level cache */
    PROPERTY(int, 604) = 2048;          /* threads, memory, registers and blocks of a multiprocessor */
    PROPERTY(size_t, 624) = 164 << 10;
    PROPERTY(int, 632) = 64 << 10;
    PROPERTY(size_t, 672) = 163 << 10;  /* shared memory that a block may ask for */
    PROPERTY(int, 688) = 32;
    return 0;
}

int cudaDeviceGetAttribute(int *value, int attribute, int number) {
    switch (attribute) {
    case 8: *value = 48 << 10; break;   /* shared memory of a block */
    case 10: *value = 32; break;        /* threads of a warp */
    case 16: *value = 108; break;       /* multiprocessors */
    case 75: *value = CAPABILITY / 10; break;
    case 76: *value = CAPABILITY % 10; break;
    case 81: *value = 164 << 10; break; /* shared memory of a multiprocessor */
    case 97: *value = 163 << 10; break; /* shared memory that a block may ask for */
    default: *value = 1024;
    }
    return 0;
}

/* memory */

int cudaMalloc(void **place, size_t size) { return (*place = calloc(size ? size : 1, 1)) ? 0 : 2; }
int cudaMallocHost(void **place, size_t size) { return cudaMalloc(place, size); }
int cudaHostAlloc(void **place, size_t size, unsigned flags) { return cudaMalloc(place, size); }
int cudaMallocFromPoolAsync(void **place, size_t size, void *pool, void *stream) { return cudaMalloc(place, size); }
int cudaFree(void *place) { return free(place), 0; }
int cudaFreeHost(void *place) { return free(place), 0; }
int cudaFreeAsync(void *place, void *stream) { return free(place), 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { return *available = *total = MEMORY, 0; }
int cudaMemset(void *place, int value, size_t size) { return memset(place, value, size), 0; }
int cudaMemsetAsync(void *place, int value, size_t size, void *stream) { return memset(place, value, size), 0; }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) { return memmove(to, from, size), 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
    return memmove(to, from, size), 0;
}
int cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size, size_t offset, int kind) {
    return memset(to, 0, size), 0;
}
int cudaMemcpy2DAsync(char *to, size_t stride, const char *from, size_t pitch, size_t width, size_t height, int kind,
                      void *stream) {
    for (size_t row = 0; row < height; row++) memmove(to + row * stride, from + row * pitch, width);
    return 0;
}
int cudaPointerGetAttributes(void *attributes, const void *place) {
    memset(attributes, 0, 88);
    *(int *)attributes = 2; /* on the device */
    return 0;
}
int cudaMemPoolGetAttribute(void *pool, int attribute, void *value) { return memset(value, 0, 8), 0; }

/* kernels, streams and graphs */

void **__cudaRegisterFatBinary(void *code) { static void *handle; return &handle; }
int __cudaGetKernel(void **kernel, const void *entry) { return *kernel = (void *)entry, 0; }
int cudaLibraryGetKernel(void **kernel, void *library, const char *name) { return *kernel = &device, 0; }
int cudaLibraryLoadData(void **library) { return *library = &device, 0; }
int cudaFuncGetAttributes(void *attributes, const void *kernel) {
    memset(attributes, 0, 144);
    ((int *)attributes)[6] = 1024; /* threads of a block */
    ((int *)attributes)[8] = ((int *)attributes)[9] = CAPABILITY;
    return 0;
}
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks) { return *blocks = 1, 0; }
int cudaLaunchHostFunc(void *stream, void (*function)(void *), void *data) { return function(data), 0; }
int cudaEventElapsedTime(float *milliseconds) { return *milliseconds = 1, 0; }
int cudaStreamBeginCapture(void *stream, int mode) { return capturing = 1, 0; }
int cudaStreamIsCapturing(void *stream, int *status) { return *status = capturing, 0; }
int cudaStreamEndCapture(void *stream, void **graph) { return capturing = 0, *graph = &device, 0; }
int cudaGraphInstantiate(void **executable, void *graph) { return *executable = &device, 0; }

/* words */

const char *cudaGetErrorName(int error) { return "an error of the stand-in"; }
const char *cudaGetErrorString(int error) { return "an error of the stand-in"; }
const char *cublasGetStatusName(int status) { return "a status of the stand-in"; }
const char *cublasGetStatusString(int status) { return "a status of the stand-in"; }
const char *cudnnGetErrorString(int status) { return "a status of the stand-in"; }
void cudnnGetLastErrorString(char *message, size_t size) { if (size) *message = 0; }

/* products and convolutions */

int cublasGetMathMode(void *handle, int *mode) { return *mode = 0, 0; }
int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference,
                                   int asked, void *results, int *found) {
    return *found = 0, 0;
}
size_t cudnnGetVersion(void) { return 91000; }
int cudnnBackendCreateDescriptor(int kind, void **descriptor) { return *descriptor = &device, 0; }
int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t asked, int64_t *found, void *elements) {
    if (found) *found = (name == 1303 || name == 1305|| name==1302||name==302) ? 0: 1;
    if (elements && type==3) *(int64_t*)elements = 0; if (elements && type==23) *(int*)elements = 0;
    return 0;
}
