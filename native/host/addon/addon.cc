// The N-API surface of native/host/core. Thin: native/index.ts validates the arguments and names the errors.
#include <napi.h>

#include <cstring>
#include <functional>
#include <stdexcept>

#include "common/file.h"
#include "common/sys-error.h"
#include "host/os/files.h"
#include "host/os/kvm.h"
#include "host/os/peer.h"
#include "host/core/libkrun.h"
#include "host/os/process.h"
#include "image-root.h"
#include "layer-blob.h"
#include "process-watch.h"

namespace mocker {
namespace {

/**
 * Runs `body`; a C++ exception becomes a JavaScript Error with `code` (ENOENT, …) and `errno` like Node's
 * own.
 */
Napi::Value guarded(const Napi::CallbackInfo& info, const std::function<Napi::Value(Napi::Env)>& body) {
  const Napi::Env env = info.Env();
  try {
    return body(env);
  } catch (const Napi::Error&) {
    throw;
  } catch (const SysError& error) {
    auto js = Napi::Error::New(env, error.what());
    const char* code = strerrorname_np(error.error());
    js.Set("code", Napi::String::New(env, code ? code : "EUNKNOWN"));
    js.Set("errno", Napi::Number::New(env, -error.error()));
    throw js;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

std::string text(const Napi::CallbackInfo& info, size_t index) { return info[index].As<Napi::String>().Utf8Value(); }

int32_t integer(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().Int32Value();
}

/** Start times and offsets are below 2^53 in practice; index.ts checks that they are safe integers. */
uint64_t large(const Napi::CallbackInfo& info, size_t index) {
  return static_cast<uint64_t>(info[index].As<Napi::Number>().Int64Value());
}

std::optional<std::string> optionalText(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString()) return std::nullopt;
  return text(info, index);
}

/**
 * spawnDetached(argv: string[], logPath: string, onExit?: (exitCode | null, signal | null) => void): number
 */
Napi::Value spawn(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    SpawnOptions options;
    const auto argv = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < argv.Length(); ++i) {
      options.argv.push_back(argv.Get(i).As<Napi::String>().Utf8Value());
    }
    options.logPath = text(info, 1);
    const pid_t pid = spawnDetached(options);
    try {
      reapChild(env, pid, info[2]);
    } catch (...) {
      // Out of descriptors, say: nobody would know of it.
      endChild(pid);
      throw;
    }
    return Napi::Number::New(env, pid);
  });
}

/** processStartTime(pid: number): number | null */
Napi::Value startTime(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto ticks = processStartTime(integer(info, 0));
    return ticks ? Napi::Value(Napi::Number::New(env, static_cast<double>(*ticks))) : env.Null();
  });
}

/** killProcess(pid: number, startTimeTicks: number, signal: number): boolean */
Napi::Value kill(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    return Napi::Boolean::New(env, killProcess(integer(info, 0), large(info, 1), integer(info, 2)));
  });
}

/** tryLock(path: string): number (the descriptor that holds the lock) | null */
Napi::Value lock(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    auto fd = tryLockFile(text(info, 0));
    return fd ? Napi::Value(Napi::Number::New(env, fd->release())) : env.Null();
  });
}

/** isLocked(path: string): boolean */
Napi::Value locked(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    return Napi::Boolean::New(env, isFileLocked(text(info, 0)));
  });
}

/** closeDescriptor(fd: number): void. For descriptors that this addon made: Node's own close would warn. */
Napi::Value closeDescriptor(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    Fd(integer(info, 0)).reset();
    return env.Undefined();
  });
}

/** peerCredentials(fd: number): { uid, gid, pid } */
Napi::Value credentials(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto peer = peerCredentials(integer(info, 0));
    auto result = Napi::Object::New(env);
    result.Set("uid", Napi::Number::New(env, peer.uid));
    result.Set("gid", Napi::Number::New(env, peer.gid));
    result.Set("pid", Napi::Number::New(env, peer.pid));
    return result;
  });
}

/** copyRange(source: fd, destination: fd, sourceOffset, destinationOffset, length): "cloned" | "copied" */
Napi::Value copy(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto method = copyRange(integer(info, 0), integer(info, 1), large(info, 2), large(info, 3), large(info, 4));
    return Napi::String::New(env, method == CopyMethod::cloned ? "cloned" : "copied");
  });
}

/** lsetxattr(path: string, name: string, value: Uint8Array): void */
Napi::Value xattr(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto value = info[2].As<Napi::Uint8Array>();
    setXattr(text(info, 0), text(info, 1), value.Data(), value.ByteLength());
    return env.Undefined();
  });
}

/** mknod(path: string, mode: number, major: number, minor: number): void */
Napi::Value node(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    makeNode(text(info, 0), static_cast<mode_t>(integer(info, 1)), static_cast<unsigned>(integer(info, 2)),
             static_cast<unsigned>(integer(info, 3)));
    return env.Undefined();
  });
}

/** kvmStatus(): { usable, reason, hint } */
Napi::Value kvm(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto status = kvmStatus();
    auto result = Napi::Object::New(env);
    result.Set("usable", Napi::Boolean::New(env, status.usable));
    result.Set("reason", Napi::String::New(env, status.reason));
    result.Set("hint", Napi::String::New(env, status.hint));
    return result;
  });
}

/** libkrun(krunPath | null, kernelPath | null, bundledDir): what was loaded. Throws why nothing could be. */
Napi::Value krun(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    const auto library = Libkrun::load(optionalText(info, 0), optionalText(info, 1), text(info, 2));
    auto result = Napi::Object::New(env);
    result.Set("path", Napi::String::New(env, library.path()));
    result.Set("kernelPath", Napi::String::New(env, library.kernelPath()));
    result.Set("version", Napi::String::New(env, library.version()));
    result.Set("maxVcpus", Napi::Number::New(env, library.maxVcpus()));
    auto features = Napi::Array::New(env);
    for (const auto& name : library.features()) features.Set(features.Length(), Napi::String::New(env, name));
    result.Set("features", features);
    auto missing = Napi::Object::New(env);
    for (const auto& [name, needs] : library.missing()) missing.Set(name, Napi::String::New(env, needs));
    result.Set("missing", missing);
    return result;
  });
}

/** watchProcess(pid: number, startTimeTicks: number, onExit: () => void): { close() } */
Napi::Value watch(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Napi::Env env) -> Napi::Value {
    return watchProcess(env, integer(info, 0), large(info, 1), info[2].As<Napi::Function>());
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("spawnDetached", Napi::Function::New(env, spawn));
  exports.Set("processStartTime", Napi::Function::New(env, startTime));
  exports.Set("killProcess", Napi::Function::New(env, kill));
  exports.Set("watchProcess", Napi::Function::New(env, watch));
  exports.Set("tryLock", Napi::Function::New(env, lock));
  exports.Set("isLocked", Napi::Function::New(env, locked));
  exports.Set("closeDescriptor", Napi::Function::New(env, closeDescriptor));
  exports.Set("peerCredentials", Napi::Function::New(env, credentials));
  exports.Set("copyRange", Napi::Function::New(env, copy));
  exports.Set("lsetxattr", Napi::Function::New(env, xattr));
  exports.Set("mknod", Napi::Function::New(env, node));
  exports.Set("openBlob", Napi::Function::New(env, openBlob));
  exports.Set("readBlob", Napi::Function::New(env, readBlob));
  exports.Set("finishBlob", Napi::Function::New(env, finishBlob));
  exports.Set("blobFormat", Napi::Function::New(env, blobFormat));
  exports.Set("openRoot", Napi::Function::New(env, openRoot));
  exports.Set("applyRoot", Napi::Function::New(env, applyRoot));
  exports.Set("writeRoot", Napi::Function::New(env, writeRoot));
  exports.Set("listRoot", Napi::Function::New(env, listRoot));
  exports.Set("closeRoot", Napi::Function::New(env, closeRoot));
  exports.Set("kvmStatus", Napi::Function::New(env, kvm));
  exports.Set("libkrun", Napi::Function::New(env, krun));
  return exports;
}

}  // namespace
}  // namespace mocker

Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return mocker::init(env, exports); }
NODE_API_MODULE(mocker, InitModule)
