// empty-SIZE: a program whose file has about that many bytes, and which ends at once.
#include <ant/abi/manifest.hpp>
#include <ant/process.hpp>

ANT_MANIFEST(.version = 1, .name = "empty");

// At the end of the last segment, so that the file is as long as wanted to the byte.
#define ANT_TEXT(n) #n
#define ANT_TEXT_OF(n) ANT_TEXT(n)
asm(".pushsection .text.filler,\"axR\",@progbits\n .space " ANT_TEXT_OF(ANT_FILLER) "\n .popsection");

int main() { return 0; }
