#include "jail-report.h"

namespace mocker {

bool JailReport::isOn(const std::string& name) const {
  for (const auto& layer : layers_) {
    if (layer.name == name) return layer.on;
  }
  return false;
}

std::string JailReport::summary() const {
  std::string active;
  std::string absent;
  for (const auto& [name, on, detail] : layers_) {
    auto& text = on ? active : absent;
    text += (text.empty() ? "" : ", ") + name + (detail.empty() ? "" : " (" + detail + ")");
  }
  return "jail: " + active + (absent.empty() ? "" : "; NOT active: " + absent);
}

Json JailReport::json() const {
  Json all = Json::array();
  for (const auto& [name, on, detail] : layers_) {
    Json layer{{"name", name}, {"on", on}};
    if (!detail.empty()) layer["detail"] = detail;
    all.push_back(std::move(layer));
  }
  return all;
}

}  // namespace mocker
