package upstream

import (
	"slices"
	"strings"
	"testing"
)

// dangerous make programs load foreign code, run foreign programs, or carry
// secrets and addresses that are none of a server's business.
var dangerous = strings.Fields(`
	LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT LD_PROFILE DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH DYLD_FRAMEWORK_PATH
	GCONV_PATH LOCPATH NLSPATH HOSTALIASES RES_OPTIONS MALLOC_TRACE OPENSSL_CONF OPENSSL_MODULES SSLKEYLOGFILE
	NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_TLS_REJECT_UNAUTHORIZED ELECTRON_RUN_AS_NODE
	npm_config_node_options NPM_CONFIG_SCRIPT_SHELL
	PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONUSERBASE
	PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB LUA_INIT PHPRC CLASSPATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS
	DOTNET_STARTUP_HOOKS CORECLR_PROFILER GOFLAGS RUSTC_WRAPPER
	BASH_ENV ENV PROMPT_COMMAND SHELLOPTS PS4 IFS CDPATH ZDOTDIR BASH_FUNC_ls%%
	GIT_SSH_COMMAND GIT_SSH GIT_EXEC_PATH GIT_ASKPASS GIT_CONFIG_GLOBAL EDITOR VISUAL PAGER BROWSER LESSOPEN
	GTK_PATH GTK_MODULES GIO_EXTRA_MODULES GIO_MODULE_DIR QT_PLUGIN_PATH
	APPIMAGE APPDIR ARGV0 OWD SNAP SNAP_NAME SNAP_INSTANCE_NAME FLATPAK_ID
	DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS
	MCPPROXY_TRAY_HOME MCPPROXY_TRAY_INSTANCE MCPPROXY_TRAY_TOKEN
	GITHUB_TOKEN AWS_SECRET_ACCESS_KEY OPENAI_API_KEY
	UV_PUBLISH_TOKEN UV_INDEX_WORK_PASSWORD NPM_CONFIG__AUTH npm_config_//registry.example.com/:_authToken MISE_GITHUB_TOKEN`)

func TestDangerousVariablesAreNotPassedOn(t *testing.T) {
	if len(dangerous) < 40 {
		t.Fatalf("only %d names", len(dangerous))
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, name := range dangerous {
			for _, name := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
				if env := environment(goos, []string{name + "=x"}, nil, nil); len(env) > 0 {
					t.Errorf("%s: %q is passed", goos, env)
				}
			}
		}
	}
	for _, name := range dangerous {
		if env := environment("linux", []string{name + "=ours"}, map[string]string{name: "own"}, nil); !slices.Equal(env, []string{name + "=own"}) {
			t.Errorf("an entry's own %s becomes %q", name, env)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, tt := range []struct {
		name, goos  string
		ours        []string
		own, always map[string]string
		want        []string
	}{
		{"sorted, own wins", "linux", []string{"TZ=UTC", "HOME=/h", "=x", "odd"}, map[string]string{"HOME": "/own", "A": "1"},
			map[string]string{"PATH": "/bin"}, []string{"A=1", "HOME=/own", "PATH=/bin", "TZ=UTC"}},
		{"own PATH wins", "linux", nil, map[string]string{"PATH": "/own"}, map[string]string{"PATH": "/bin"}, []string{"PATH=/own"}},
		{"case counts", "linux", []string{"home=/x", "http_proxy=p", "systemroot=C"}, nil, nil, []string{"http_proxy=p"}},
		{"prefixes", "linux", []string{"LC_TIME=C", "UV_CACHE_DIR=/c", "npm_config_cache=/n", "NPM_CONFIG_REGISTRY=r", "npm_package_name=x"}, nil, nil,
			[]string{"LC_TIME=C", "NPM_CONFIG_REGISTRY=r", "UV_CACHE_DIR=/c", "npm_config_cache=/n"}},
		{"prefixes with secrets", "linux", []string{"PIP_INDEX_URL=https://me:pw@example.com/simple", "PIP_EXTRA_INDEX_URL=https://a https://token@b/",
			"UV_DEFAULT_INDEX=https://example.com/@scope", "UV_KEYRING_PROVIDER=subprocess", "UV_TOKEN=x"}, nil, nil,
			[]string{"UV_DEFAULT_INDEX=https://example.com/@scope", "UV_KEYRING_PROVIDER=subprocess"}},
		{"Windows has no case", "windows", []string{"Path=C:\\old", "SystemRoot=C:\\Windows", "ProgramFiles(x86)=P", "Http_Proxy=p"},
			map[string]string{"systemroot": "D:", "Path": "own"}, map[string]string{"PATH": "x"},
			[]string{"Http_Proxy=p", "Path=own", "ProgramFiles(x86)=P", "systemroot=D:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := environment(tt.goos, tt.ours, tt.own, tt.always); !slices.Equal(got, tt.want) {
				t.Errorf("environment = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPassesWhatServersNeed(t *testing.T) {
	for name := range strings.FieldsSeq(`HOME USER LOGNAME SHELL LANG LC_ALL TZ TMPDIR TERM XDG_RUNTIME_DIR XDG_DATA_HOME DISPLAY WAYLAND_DISPLAY
		SSH_AUTH_SOCK HTTPS_PROXY no_proxy SSL_CERT_FILE NODE_EXTRA_CA_CERTS NVM_DIR VOLTA_HOME PYENV_ROOT ASDF_DATA_DIR MISE_DATA_DIR
		UV_CACHE_DIR npm_config_prefix PIP_INDEX_URL DOCKER_HOST JAVA_HOME CARGO_HOME GOPATH`) {
		if !passes("linux", name, "x") || !passes("windows", name, "x") {
			t.Errorf("%s is not passed", name)
		}
	}
	for name := range strings.FieldsSeq(`SystemRoot windir ComSpec PATHEXT APPDATA LOCALAPPDATA ProgramData ProgramFiles ProgramW6432
		USERPROFILE HOMEDRIVE HOMEPATH NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE OS`) {
		if !passes("windows", name, "x") {
			t.Errorf("%s is not passed on Windows", name)
		}
	}
}
