# What node-gyp builds: the addon (mocker.node), the VM monitor (mocker-vmm) and two static guest programs.
{
  "variables": {
    "werror%": 0,
    # native/codec's static library, which build.mjs makes.
    "codec%": "",
    # _FORTIFY_SOURCE=3 needs GCC 12 or Clang 9 and glibc 2.34, which say so by a warning.
    "fortify%": "<!(echo | ${CXX:-g++} -E -O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include cstdlib -x c++ - >/dev/null 2>&1 && echo 3 || echo 2)",
    # Below …/linux is what only Linux has, behind headers that say nothing of it.
    "agent_sources": ["<!@(find guest/agent common -name '*.cc' | sort)"],
    "vmm_sources": ["<!@(find host/vmm host/core host/os common -name '*.cc' | sort)"],
    "hello_sources": ["guest/hello/main.cc"],
    "addon_sources": ["<!@(find host/addon host/core host/os/linux -maxdepth 1 -name '*.cc' | sort)"],
  },
  "target_defaults": {
    "include_dirs": [".", "third_party"],
    "cflags": [
      "-Wall", "-Wextra", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections",
      # All of these programs read what a guest or an image has made up.
      "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=<(fortify)", "-fstack-protector-strong", "-fstack-clash-protection",
    ],
    "cflags!": ["-O3"],
    "cflags_cc": ["-std=c++20", "-O2", "-fexceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++14", "-std=gnu++17", "-std=gnu++20"],
    "defines": ["_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
    "defines!": ["_GLIBCXX_USE_CXX11_ABI=1"],
    "ldflags": ["-Wl,--gc-sections", "-Wl,-z,noexecstack", "-Wl,-z,relro,-z,now"],
    "conditions": [
      ["werror==1", {"cflags": ["-Werror"]}],
      ["target_arch=='x64'", {"cflags": ["-fcf-protection"]}],
      ["target_arch=='arm64'", {"cflags": ["-mbranch-protection=standard"]}],
    ],
    "configurations": {"Release": {"cflags!": ["-O3"], "ldflags": ["-s"]}},
  },
  "targets": [
    {
      "target_name": "mocker",
      "sources": [
        "<@(addon_sources)",
        "common/file.cc",
        "common/sys-error.cc",
      ],
      "include_dirs": ["../node_modules/node-addon-api"],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_CPP_EXCEPTIONS",
        # A thread that is ended while a step is in the thread pool can be told nothing more.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      "libraries": ["<(codec)", "-ldl", "-lm"],
    },
    {
      "target_name": "mocker-vmm",
      "type": "executable",
      "sources": ["<@(vmm_sources)"],
      "cflags": ["-fPIE"],
      # Static C++ runtime: it runs on hosts whose libstdc++ is older than the compiler's; libkrun is dlopened, so
      # glibc itself must stay shared. PIE because it shares a security context with a hostile guest.
      "ldflags": ["-pie", "-static-libstdc++", "-static-libgcc"],
      "libraries": ["-ldl"],
    },
    {
      "target_name": "mocker-agent",
      "type": "executable",
      "sources": ["<@(agent_sources)"],
      "cflags": ["-flto=auto", "-fno-pie"],
      "cflags!": ["-fPIC"],
      "ldflags": ["-static", "-no-pie", "-flto=auto"],
    },
    {
      "target_name": "mocker-hello",
      "type": "executable",
      "sources": ["<@(hello_sources)"],
      "cflags": ["-fno-pie"],
      "cflags!": ["-fPIC"],
      "ldflags": ["-static", "-no-pie"],
    },
  ],
}
