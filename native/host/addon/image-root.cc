#include "image-root.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/codec.h"

namespace mocker {
namespace {

/** Not another addon's external value. */
constexpr napi_type_tag tag = {0x6d6f636b65722d72, 0x6f6f742d6d657267};

struct FreeRoot {
  void operator()(MockerRoot* root) const { mocker_root_free(root); }
};

struct OpenRoot {
  std::unique_ptr<MockerRoot, FreeRoot> root;
  bool busy = false;
  bool closed = false;
};

OpenRoot* opened(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::Object>().CheckTypeTag(&tag))
    throw Napi::TypeError::New(info.Env(), "not an image's root");
  return info[0].As<Napi::External<OpenRoot>>().Data();
}

OpenRoot* idle(const Napi::CallbackInfo& info) {
  auto* open = opened(info);
  if (open->closed) throw Napi::Error::New(info.Env(), "the image's root is closed");
  if (open->busy) throw Napi::Error::New(info.Env(), "the image's root is being worked on");
  return open;
}

MockerBytes bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class Step : public Napi::AsyncWorker {
 public:
  using Body = std::function<MockerRootResult(MockerRoot*)>;

  Step(const Napi::CallbackInfo& info, OpenRoot* open, Body body)
      : AsyncWorker(info.Env()), open_(open), body_(std::move(body)), deferred_(Napi::Promise::Deferred::New(info.Env())) {
    // Lives until this has run.
    hold_.Reset(Napi::Object::New(info.Env()), 1);
    hold_.Set("root", info[0]);
    open_->busy = true;
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override { result_ = body_(open_->root.get()); }

  void OnOK() override {
    try {
      // Copied before the root may be freed.
      const auto result = answer();
      end();
      deferred_.Resolve(result);
    } catch (const Napi::Error& error) {
      OnError(error);
    }
  }

  void OnError(const Napi::Error& error) override {
    end();
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Object answer() const {
    auto extents = Napi::Array::New(Env(), result_.layers);
    for (size_t i = 0; i < result_.layers; ++i)
      extents.Set(static_cast<uint32_t>(i), Napi::Number::New(Env(), static_cast<double>(result_.extents[i])));
    auto result = Napi::Object::New(Env());
    result.Set("status", Napi::Number::New(Env(), result_.status));
    result.Set("error", Napi::Number::New(Env(), result_.error));
    result.Set("answer", Napi::Buffer<uint8_t>::Copy(Env(), result_.answer.data, result_.answer.length));
    result.Set("metadataBytes", Napi::Number::New(Env(), static_cast<double>(result_.metadataBytes)));
    result.Set("inodes", Napi::Number::New(Env(), static_cast<double>(result_.inodes)));
    result.Set("extents", extents);
    return result;
  }

  void end() {
    open_->busy = false;
    if (open_->closed) open_->root.reset();
  }

  OpenRoot* open_;
  Body body_;
  MockerRootResult result_{};
  Napi::ObjectReference hold_;
  Napi::Promise::Deferred deferred_;
};

Napi::Value queue(const Napi::CallbackInfo& info, Step::Body body) {
  auto* step = new Step(info, idle(info), std::move(body));
  const auto promise = step->promise();
  step->Queue();
  return promise;
}

}  // namespace

Napi::Value openRoot(const Napi::CallbackInfo& info) {
  auto* open = new OpenRoot{std::unique_ptr<MockerRoot, FreeRoot>(mocker_root_new())};
  auto external =
      Napi::External<OpenRoot>::New(info.Env(), open, [](Napi::Env, OpenRoot* garbage) { delete garbage; });
  external.TypeTag(&tag);
  return external;
}

Napi::Value applyRoot(const Napi::CallbackInfo& info) {
  return queue(info, [path = info[1].As<Napi::String>().Utf8Value()](MockerRoot* root) {
    return mocker_root_apply(root, bytesOf(path));
  });
}

Napi::Value writeRoot(const Napi::CallbackInfo& info) {
  std::array<uint8_t, 16> uuid{};
  const auto given = info[2].As<Napi::Uint8Array>();
  if (given.ByteLength() != uuid.size()) throw Napi::TypeError::New(info.Env(), "a UUID has 16 bytes");
  std::copy_n(given.Data(), uuid.size(), uuid.begin());
  std::vector<std::string> paths;
  const auto list = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) paths.push_back(list.Get(i).As<Napi::String>().Utf8Value());
  return queue(info, [metadata = info[1].As<Napi::String>().Utf8Value(), uuid, paths](MockerRoot* root) {
    std::vector<MockerBytes> data;
    for (const auto& path : paths) data.push_back(bytesOf(path));
    return mocker_root_write(root, bytesOf(metadata), uuid.data(), data.data(), data.size());
  });
}

Napi::Value listRoot(const Napi::CallbackInfo& info) { return queue(info, mocker_root_list); }

Napi::Value closeRoot(const Napi::CallbackInfo& info) {
  auto* open = opened(info);
  open->closed = true;
  if (!open->busy) open->root.reset();
  return info.Env().Undefined();
}

}  // namespace mocker
