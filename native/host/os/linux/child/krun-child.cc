#include "krun-child.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "host/core/krun-error.h"
#include "host/core/libkrun.h"
#include "host/os/child.h"
#include "host/os/linux/jail/jail.h"
#include "host/os/process.h"

namespace mocker {
namespace {

// include/libkrun.h
constexpr uint32_t formatRaw = 0;
constexpr uint32_t formatVmdk = 2;
constexpr uint32_t tsiHijackInet = 1;
constexpr uint32_t logError = 1;
constexpr uint32_t logStyleNever = 2;
constexpr uint32_t logWithoutEnvironment = 1;
constexpr const char* rootTag = "/dev/root";
constexpr uint32_t kernelFormatElf = 1;

/**
 * libkrun's own (DEFAULT_KERNEL_CMDLINE and init=, src/vmm/src/vmm_config/kernel_cmdline.rs), which a kernel
 * image replaces. rcu_expedited: a guest waits for its kernel's grace periods at every mount and unmount.
 */
constexpr const char* kernelCommandLine =
    "reboot=k panic=-1 panic_print=0 nomodule console=hvc0 rootfstype=virtiofs rw quiet no-kvmapf "
    "rcupdate.rcu_expedited=1 init=/init.krun";

/** x86_64 and aarch64 with 4 KiB pages: what one entry of a second-level page table maps. */
constexpr uintptr_t hugePageBytes = 2u << 20;

// Inside the jail. A name that no data directory has: disks keep their host paths, which VMDK descriptors
// contain.
const std::string ours = "/.mocker";
const std::string bootInside = ours + "/boot";
const std::string kernelInside = ours + "/kernel";

/** What the child keeps beside stdio has the numbers from here on: the console's first, then the cards'. */
constexpr int firstKept = 3;

// include/libkrun.h. Frames pass from VM to VM, so a guest fills its checksums in (no CSUM, no HOST_TSO);
// without these two libkrun's receive buffers are too small for frames of 64 KiB.
constexpr uint32_t guestChecksum = 1u << 1;
constexpr uint32_t guestSegmentation = 1u << 7;

/** Mount points of the guest's boot file system, which is read-only. */
constexpr const char* bootDirectories[] = {"dev", "proc", "sys", "run", "tmp", "mnt", "newroot"};

/** What the guest agent looks for in the share of a single file (krun-runtime.ts). */
constexpr const char* onlyFileName = "file";

bool isRegularFile(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

const std::string sharesInside = ours + "/share";

std::string sharePath(const VmSpec& spec, size_t index, bool jailed) {
  return jailed ? sharesInside + "/" + std::to_string(index) : spec.krun->shares[index].path;
}

JailPlan planJail(const VmSpec& spec, const Libkrun& library) {
  using Kind = JailEntry::Kind;
  JailPlan plan;
  plan.attachPoint = spec.runDir;
  plan.withoutNetwork = !spec.hasHostNetwork();
  for (const auto* directory : bootDirectories) plan.directories.push_back(bootInside + "/" + directory);
  // The kernel starts /init.krun; a libkrun whose own init cannot be left out starts /mocker-agent from
  // there.
  plan.entries.push_back({spec.agentPath, bootInside + "/init.krun", Kind::program, true});
  plan.entries.push_back({spec.agentPath, bootInside + "/mocker-agent", Kind::program, true});
  if (library.kernelIsImage()) plan.entries.push_back({library.kernelPath(), kernelInside, Kind::disk, true});
  for (const auto& disk : spec.krun->disks) plan.entries.push_back({disk.path, disk.path, Kind::disk, disk.readOnly});
  for (const auto& file : spec.krun->diskFiles) {
    bool known = false;
    for (const auto& entry : plan.entries) known = known || entry.inside == file;
    if (!known) plan.entries.push_back({file, file, Kind::disk, true});
  }
  for (size_t i = 0; i < spec.krun->shares.size(); ++i) {
    const auto& share = spec.krun->shares[i];
    // virtio-fs shares directories: a file is bound into one of its own.
    const bool isFile = isRegularFile(share.path);
    const auto inside = sharePath(spec, i, true) + (isFile ? std::string("/") + onlyFileName : "");
    plan.entries.push_back({share.path, inside, Kind::share, share.readOnly, isFile});
  }
  plan.entries.push_back({"/dev/kvm", "/dev/kvm", Kind::device, false});
  plan.entries.push_back({"/dev/null", "/dev/null", Kind::device, false});
  plan.entries.push_back({"/dev/urandom", "/dev/urandom", Kind::device, true});
  plan.entries.push_back({spec.agentSocketPath(), spec.agentSocketPath(), Kind::socket, false});
  return plan;
}

/** Without a mount namespace the boot share is a directory of the VM's own. */
std::string makeBootDirectory(const VmSpec& spec) {
  const auto boot = spec.stateDir + "/boot";
  const auto make = [](const std::string& path) {
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) throwErrno(path);
  };
  make(boot);
  for (const auto* directory : bootDirectories) make(boot + "/" + directory);
  for (const char* name : {"init.krun", "mocker-agent"}) {
    const auto target = boot + "/" + name;
    const Fd source(open(spec.agentPath.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) throwErrno(spec.agentPath);
    if (unlink(target.c_str()) != 0 && errno != ENOENT) throwErrno(target);
    const Fd copy(open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
    if (!copy || !writeFully(copy.get(), readAll(source.get(), 256u << 20))) throwErrno(target);
  }
  return boot;
}

/** The directory that mocker-vmm itself is in: the bundled libraries are beside it. */
std::string ownDirectory() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0 || size == static_cast<ssize_t>(sizeof path)) return {};
  const std::string file(path, static_cast<size_t>(size));
  return file.substr(0, file.rfind('/'));
}

/**
 * Makes the kernel place the next mapping of this size, the guest's memory, at a multiple of 2 MiB: KVM maps
 * huge pages only where the guest's and the host's addresses agree below that. Linux does so by itself since
 * 6.7. Failing costs only time.
 */
void alignNextMapping(size_t bytes) {
  void* const probe = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) return;
  munmap(probe, bytes);
  const auto end = reinterpret_cast<uintptr_t>(probe) + bytes;
  const size_t excess = end % hugePageBytes;
  // Mappings are placed from above: what is left below this one ends where it should.
  if (excess > 0) {
    mmap(reinterpret_cast<void*>(end - excess), excess, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  }
}

class Vm {
 public:
  Vm(const VmSpec& spec, const Libkrun& library) : spec_(spec), library_(library), krun_(library.api()) {}

  void configure(const std::string& boot, bool jailed, bool console) {
    const auto& krun = *spec_.krun;
    const int32_t context = krun_.create_ctx();
    check("krun_create_ctx", context, "");
    context_ = static_cast<uint32_t>(context);
    if (krun.cpus > 255) throw std::runtime_error("a VM can have at most 255 CPUs, not " + std::to_string(krun.cpus));
    check("krun_set_vm_config", krun_.set_vm_config(context_, static_cast<uint8_t>(krun.cpus), krun.memoryMiB),
          std::to_string(krun.cpus) + " CPUs, " + std::to_string(krun.memoryMiB) + " MiB");
    if (library_.kernelIsImage()) setKernel(jailed ? kernelInside : library_.kernelPath());
    addBoot(boot);
    for (const auto& disk : krun.disks) addDisk(disk);
    addShares(jailed);
    addVsock();
    int kept = firstKept + (console ? 1 : 0);
    for (const auto& card : spec_.cards) addCard(card, kept++);
    // A path is the one way to redirect the console that every version has; it may be a pipe's.
    const auto path = console ? "/proc/self/fd/" + std::to_string(firstKept) : std::string("/dev/null");
    check("krun_set_console_output", krun_.set_console_output(context_, path.c_str()), path);
  }

  [[noreturn]] void enter() {
    alignNextMapping(size_t{spec_.krun->memoryMiB} << 20);
    const int32_t result = krun_.start_enter(context_);
    throw std::runtime_error(krunErrorText("krun_start_enter", result, ""));
  }

 private:
  void check(const char* call, int32_t result, const std::string& detail) const {
    if (result < 0) throw std::runtime_error(krunErrorText(call, result, detail));
  }

  [[noreturn]] void refuse(const std::string& what, const char* since) const {
    throw std::runtime_error("libkrun " + library_.version() + " (" + library_.path() + ") cannot do " + what +
                             ": this needs libkrun " + since);
  }

  /**
   * A kernel image is read into the guest's own memory. The kernel of a libkrunfw is a mapping of that file
   * beside it, which KVM can map only in pages of 4 KiB, each at the price of a fault.
   */
  void setKernel(const std::string& path) {
    check("krun_set_kernel", krun_.set_kernel(context_, path.c_str(), kernelFormatElf, nullptr, kernelCommandLine), path);
  }

  void addBoot(const std::string& boot) {
    if (krun_.disable_implicit_init) {
      // The agent is the guest's init. Nothing of the user's is on the kernel's command line.
      check("krun_disable_implicit_init", krun_.disable_implicit_init(context_), "");
      check("krun_add_virtiofs", krun_.add_virtiofs3(context_, rootTag, boot.c_str(), 0, true), boot);
      return;
    }
    check("krun_set_root", krun_.set_root(context_, boot.c_str()), boot);
    const char* const noArguments[] = {nullptr};
    // Never NULL: that would send the whole environment of this process into the guest.
    const char* const environment[] = {"KRUN_INIT_PID1=1", nullptr};
    check("krun_set_exec", krun_.set_exec(context_, "/mocker-agent", noArguments, environment), "/mocker-agent");
  }

  void addDisk(const DiskSpec& disk) {
    const bool vmdk = disk.format == DiskSpec::Format::vmdk;
    if (krun_.add_disk2) {
      check("krun_add_disk",
            krun_.add_disk2(context_, disk.id.c_str(), disk.path.c_str(), vmdk ? formatVmdk : formatRaw,
                            disk.readOnly),
            disk.path);
    } else if (krun_.add_disk && !vmdk) {
      check("krun_add_disk", krun_.add_disk(context_, disk.id.c_str(), disk.path.c_str(), disk.readOnly), disk.path);
    } else {
      refuse(vmdk ? "disks joined from several files" : "disks", vmdk ? "1.17" : "built with BLK=1");
    }
  }

  void addShares(bool jailed) {
    const auto& shares = spec_.krun->shares;
    if (const auto& tag = spec_.krun->joinedTag) {
      if (!jailed) throw std::runtime_error("shares can be joined only in the jail's own root");
      // The jail's mounts, which it only shows, say which of them are read-only.
      bool readOnly = true;
      for (const auto& share : shares) readOnly = readOnly && share.readOnly;
      addShare({*tag, sharesInside, readOnly}, sharesInside, jailed);
      return;
    }
    for (size_t i = 0; i < shares.size(); ++i) addShare(shares[i], sharePath(spec_, i, jailed), jailed);
  }

  void addShare(const ShareSpec& share, const std::string& path, bool jailed) {
    if (!jailed && isRegularFile(share.path)) {
      throw std::runtime_error(share.path + ": a single file can be shared only from the jail's own root");
    }
    if (krun_.add_virtiofs3) {
      check("krun_add_virtiofs",
            krun_.add_virtiofs3(context_, share.tag.c_str(), path.c_str(), 0, share.readOnly), share.path);
      return;
    }
    // The jail's read-only mount is as good; without either, "read-only" would be a lie.
    if (share.readOnly && !jailed) refuse("read-only shared directories without the jail's mount namespace", "1.18");
    if (!krun_.add_virtiofs) refuse("shared directories", "1.9");
    check("krun_add_virtiofs", krun_.add_virtiofs(context_, share.tag.c_str(), path.c_str()), share.path);
  }

  void addVsock() {
    const bool tsi = spec_.hasHostNetwork();
    if (krun_.disable_implicit_vsock && krun_.add_vsock) {
      check("krun_disable_implicit_vsock", krun_.disable_implicit_vsock(context_), "");
      check("krun_add_vsock", krun_.add_vsock(context_, tsi ? tsiHijackInet : 0), "");
    } else if (!tsi) {
      // The implicit device brings TSI along, which is the host's network.
      refuse("VMs without the host's network", "1.17");
    }
    const auto socket = spec_.agentSocketPath();
    check("krun_add_vsock_port",
          krun_.add_vsock_port2 ? krun_.add_vsock_port2(context_, agentPort, socket.c_str(), false)
                                : krun_.add_vsock_port(context_, agentPort, socket.c_str()),
          socket);
  }

  void addCard(const CardSpec& card, int fd) {
    if (!krun_.add_net_unixstream) refuse("network cards", "1.17 built with NET=1");
    check("krun_add_net_unixstream",
          krun_.add_net_unixstream(context_, nullptr, fd, card.mac.data(), guestChecksum | guestSegmentation, 0),
          card.networkName);
  }

  const VmSpec& spec_;
  const Libkrun& library_;
  const KrunApi& krun_;
  uint32_t context_ = 0;
};

/**
 * Gives `kept` the numbers from firstKept on, in their order, and closes all others but stdio: the rest is
 * the monitor's, its lock above all, and must not live on in here.
 */
void closeInherited(const std::vector<int>& kept) {
  const int end = firstKept + static_cast<int>(kept.size());
  std::vector<Fd> copies;
  // Out of the way first: one may have another's number.
  for (const int fd : kept) {
    copies.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, end));
    if (!copies.back()) throwErrno("the VM's descriptors");
  }
  for (size_t i = 0; i < copies.size(); ++i) {
    if (dup2(copies[i].get(), firstKept + static_cast<int>(i)) < 0) throwErrno("the VM's descriptors");
  }
  copies.clear();
  closeFrom(end);
}

void dieWith(pid_t monitor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != monitor) raise(SIGKILL);
}

void resetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  // A stream that the host closed is an error code for libkrun, not the VM's death.
  ::signal(SIGPIPE, SIG_IGN);
  // What asks all processes of a host, a service or a terminal to end is answered by the monitor, which stops
  // the guest.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void say(const std::string& text) {
  // One write, so that the line stays whole in a log that the monitor writes to as well.
  writeFully(STDERR_FILENO, "mocker-vmm: " + text + "\n");
}

}  // namespace

void enterKrun(const VmSpec& spec, int consoleFd, const std::vector<Fd>& cards) {
  try {
    const pid_t monitor = getppid();
    dieWith(monitor);
    std::vector<int> kept;
    if (consoleFd >= 0) kept.push_back(consoleFd);
    for (const auto& card : cards) kept.push_back(card.get());
    closeInherited(kept);
    resetSignals();
    const auto library = Libkrun::load(spec.krun->libkrunPath, spec.krun->kernelPath, ownDirectory());

    Jail jail(planJail(spec, library));
    const bool jailed = jail.enterNamespaces();
    const auto boot = jailed ? bootInside : makeBootDirectory(spec);
    jail.restrict(boot);
    say(jail.summary());
    dieWith(monitor);  // again: a change of credentials clears it

    if (library.api().init_log) {
      library.api().init_log(STDERR_FILENO, logError, logStyleNever, logWithoutEnvironment);
    } else {
      library.api().set_log_level(logError);
    }
    Vm vm(spec, library);
    vm.configure(boot, jailed, consoleFd >= 0);
    vm.enter();
  } catch (const std::exception& error) {
    say(error.what());
    _exit(exitVmNotEntered);
  }
}

}  // namespace mocker
