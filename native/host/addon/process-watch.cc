#include "process-watch.h"

#include <uv.h>

#include <memory>

#include "common/sys-error.h"
#include "host/os/process.h"

namespace mocker {
namespace {

uv_loop_t* loopOf(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || !loop) {
    throw Napi::Error::New(env, "this JavaScript environment has no event loop");
  }
  return loop;
}

/**
 * A pidfd in a uv_poll_t, or, for a process that is gone already, a uv_idle_t that fires on the next turn.
 * Lives until libuv has closed its handle; an environment that ends closes it through a clean-up hook.
 */
class ProcessWatch {
 public:
  enum class Role { observer, reaper };

  ProcessWatch(Napi::Env env, Fd pidfd, Role role) : env_(env), pidfd_(std::move(pidfd)), role_(role) {
    handle_.data.data = this;
    int error;
    if (pidfd_) {
      error = uv_poll_init(loopOf(env), &handle_.poll, pidfd_.get());
      handle_.data.data = this;
      if (error == 0) {
        initialised_ = true;
        error = uv_poll_start(&handle_.poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
          static_cast<ProcessWatch*>(handle->data)->finish();
        });
      }
    } else {
      error = uv_idle_init(loopOf(env), &handle_.idle);
      handle_.data.data = this;
      initialised_ = true;
      uv_idle_start(&handle_.idle, [](uv_idle_t* handle) { static_cast<ProcessWatch*>(handle->data)->finish(); });
    }
    if (error != 0) {
      close();
      throw SysError("watch a process", -error);
    }
    if (role == Role::reaper) uv_unref(&handle_.data);
    napi_add_env_cleanup_hook(env_, onCleanup, this);
    hooked_ = true;
  }

  void setCallback(Napi::Function callback) { callback_ = Napi::Persistent(callback); }

  /** Set while JavaScript holds an object that may close() this watch. */
  void setOwner(std::shared_ptr<ProcessWatch*> owner) { owner_ = std::move(owner); }

  /** Stops watching; deletes this once libuv has let go of the handle. */
  void close() {
    if (owner_) *owner_ = nullptr;
    owner_.reset();
    if (hooked_) napi_remove_env_cleanup_hook(env_, onCleanup, this);
    hooked_ = false;
    callback_.Reset();
    if (!initialised_) {
      return;  // only from the constructor, whose exception frees the memory
    }
    if (!uv_is_closing(&handle_.data)) {
      uv_close(&handle_.data, [](uv_handle_t* handle) { delete static_cast<ProcessWatch*>(handle->data); });
    }
  }

 private:
  static void onCleanup(void* self) {
    auto* watch = static_cast<ProcessWatch*>(self);
    watch->hooked_ = false;
    watch->close();
  }

  void finish() {
    const auto status = role_ == Role::reaper ? reapProcess(pidfd_.get()) : std::nullopt;
    Napi::FunctionReference callback = std::move(callback_);
    const Napi::Env env(env_);
    close();
    if (callback.IsEmpty()) return;
    const Napi::HandleScope scope(env);
    try {
      if (role_ == Role::observer) {
        callback.MakeCallback(env.Global(), {});
        return;
      }
      const auto number = [&](const std::optional<int>& value) {
        return value ? Napi::Value(Napi::Number::New(env, *value)) : env.Null();
      };
      callback.MakeCallback(env.Global(), {number(status ? status->exitCode : std::nullopt),
                                           number(status ? status->signal : std::nullopt)});
    } catch (const Napi::Error& error) {
      // No JavaScript is below us to catch it: 'uncaughtException', as for any event handler of Node's own.
      napi_fatal_exception(env_, error.Value());
    }
  }

  napi_env env_;
  Fd pidfd_;
  Napi::FunctionReference callback_;
  std::shared_ptr<ProcessWatch*> owner_;
  Role role_;
  bool initialised_ = false;
  bool hooked_ = false;
  union {
    uv_handle_t data;
    uv_poll_t poll;
    uv_idle_t idle;
  } handle_{};
};

}  // namespace

Napi::Value watchProcess(Napi::Env env, pid_t pid, uint64_t startTimeTicks, Napi::Function onExit) {
  auto* watch = new ProcessWatch(env, openProcess(pid, startTimeTicks), ProcessWatch::Role::observer);
  watch->setCallback(onExit);
  auto owner = std::make_shared<ProcessWatch*>(watch);
  watch->setOwner(owner);
  auto handle = Napi::Object::New(env);
  handle.Set("close", Napi::Function::New(env, [owner](const Napi::CallbackInfo& info) {
               if (*owner) (*owner)->close();
               return info.Env().Undefined();
             }));
  return handle;
}

void reapChild(Napi::Env env, pid_t pid, const Napi::Value& onExit) {
  auto* watch = new ProcessWatch(env, openChild(pid), ProcessWatch::Role::reaper);
  if (onExit.IsFunction()) watch->setCallback(onExit.As<Napi::Function>());
}

}  // namespace mocker
