// Build step: `guest-kernel LIBKRUNFW TARGET` writes the kernel of an x86_64 libkrunfw as an ELF executable,
// for krun_set_kernel. A libkrunfw holds the loaded image, where it goes and where it begins
// (include/libkrunfw.h upstream).

#include <dlfcn.h>
#include <elf.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: guest-kernel LIBKRUNFW TARGET\n", stderr);
    return 64;
  }
  void* const library = dlopen(argv[1], RTLD_NOW);
  using GetKernel = char*(uint64_t* loadAddress, uint64_t* entryAddress, size_t* bytes);
  const auto getKernel = library ? reinterpret_cast<GetKernel*>(dlsym(library, "krunfw_get_kernel")) : nullptr;
  if (!getKernel) {
    std::fprintf(stderr, "guest-kernel: %s\n", dlerror());
    return 1;
  }
  uint64_t load = 0, entry = 0;
  size_t bytes = 0;
  const char* const kernel = getKernel(&load, &entry, &bytes);

  constexpr size_t pageBytes = 4096;
  std::vector<char> header(pageBytes);
  Elf64_Ehdr elf{};
  std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_ident[EI_VERSION] = EV_CURRENT;
  elf.e_type = ET_EXEC;
  elf.e_machine = EM_X86_64;
  elf.e_version = EV_CURRENT;
  elf.e_entry = entry;
  elf.e_phoff = sizeof elf;
  elf.e_ehsize = sizeof elf;
  elf.e_phentsize = sizeof(Elf64_Phdr);
  elf.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_W | PF_X;
  segment.p_offset = pageBytes;
  segment.p_vaddr = segment.p_paddr = load;
  segment.p_filesz = segment.p_memsz = bytes;
  segment.p_align = pageBytes;
  std::memcpy(header.data(), &elf, sizeof elf);
  std::memcpy(header.data() + sizeof elf, &segment, sizeof segment);

  std::ofstream target(argv[2], std::ios::binary);
  target.write(header.data(), static_cast<std::streamsize>(header.size()));
  target.write(kernel, static_cast<std::streamsize>(bytes));
  target.close();
  if (!target) {
    std::fprintf(stderr, "guest-kernel: cannot write %s\n", argv[2]);
    return 1;
  }
}
