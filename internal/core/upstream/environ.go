package upstream

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// passed are the variables of ours that a server gets, beside those with one of
// passedPrefixes: what programs need to find their files, their user's settings,
// the screen and the network. Everything else stays here: tokens meant for other
// programs, and variables by which a program can be made to load foreign code.
var passed = set(`
	HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP TERM COLORTERM NO_COLOR
	DISPLAY WAYLAND_DISPLAY XAUTHORITY SSH_AUTH_SOCK __CF_USER_TEXT_ENCODING
	XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_DIRS XDG_DATA_DIRS
	XDG_CURRENT_DESKTOP XDG_SESSION_TYPE
	HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY FTP_PROXY http_proxy https_proxy all_proxy no_proxy ftp_proxy
	SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NIX_SSL_CERT_FILE LOCALE_ARCHIVE
	NVM_DIR VOLTA_HOME PYENV_ROOT RBENV_ROOT SDKMAN_DIR N_PREFIX BUN_INSTALL DENO_DIR DENO_INSTALL_ROOT PNPM_HOME COREPACK_HOME
	GOPATH GOROOT GOBIN GOPROXY GOPRIVATE GOCACHE GOMODCACHE CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN JAVA_HOME DOTNET_ROOT
	CONDA_EXE CONDA_PREFIX HOMEBREW_PREFIX
	DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT DOCKER_CERT_PATH DOCKER_TLS_VERIFY CONTAINER_HOST KUBECONFIG
	WSL_DISTRO_NAME WSL_INTEROP`)

// passedOnWindows are passed there too; names have no case there.
var passedOnWindows = set(`
	SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT OS APPDATA LOCALAPPDATA PROGRAMDATA ALLUSERSPROFILE PUBLIC
	PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) COMMONPROGRAMW6432
	USERPROFILE USERNAME USERDOMAIN COMPUTERNAME HOMEDRIVE HOMEPATH NUMBER_OF_PROCESSORS
	CHOCOLATEYINSTALL SCOOP NVM_HOME NVM_SYMLINK`)

var passedPrefixes = []string{"LC_", "ASDF_", "MISE_", "FNM_", "UV_", "PIP_", "NPM_CONFIG_", "npm_config_", "PROCESSOR_"}

// withheld have such a prefix, but name a program to run or options for one.
var withheld = set("NPM_CONFIG_NODE_OPTIONS NPM_CONFIG_SCRIPT_SHELL NPM_CONFIG_SHELL NPM_CONFIG_GIT NPM_CONFIG_INIT_MODULE NPM_CONFIG_ONLOAD_SCRIPT")

func set(names string) map[string]bool {
	out := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		out[name] = true
	}
	return out
}

// sameVariable reports whether two names mean one variable.
func sameVariable(goos, a, b string) bool {
	return a == b || goos == "windows" && strings.EqualFold(a, b)
}

// passes reports whether a server gets the variable of ours. Package managers
// take passwords by such names too: those are for them alone.
func passes(goos, name, value string) bool {
	upper := strings.ToUpper(name)
	if withheld[upper] {
		return false
	}
	if goos == "windows" {
		name = upper
	}
	if passed[name] || goos == "windows" && passedOnWindows[name] {
		return true
	}
	return slices.ContainsFunc(passedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) &&
		!namesSecret(name) && !userinfo.MatchString(value)
}

// environment returns a server's environment, sorted: what is passed of ours,
// what is always set, and the entry's own. The later wins.
func environment(goos string, ours []string, own, always map[string]string) []string {
	values := map[string]string{}
	put := func(name, value string) {
		if goos == "windows" {
			maps.DeleteFunc(values, func(n, _ string) bool { return strings.EqualFold(n, name) })
		}
		values[name] = value
	}
	drop := bundles(ours)
	for _, kv := range ours {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || !passes(goos, name, value) {
			continue
		}
		if value, ok = withoutBundles(value, drop); ok {
			put(name, value)
		}
	}
	for name, value := range always {
		put(name, value)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		put(name, own[name])
	}
	env := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env
}

// bundles returns the directories of the AppImage or snap that this program, or
// the terminal it was started in, runs from. What is in there is for that alone.
func bundles(env []string) []string {
	var dirs []string
	has := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		has[name] = value
	}
	for dir, sign := range map[string]string{"APPDIR": "APPIMAGE", "SNAP": "SNAP_NAME"} {
		if path := filepath.Clean(has[dir]); has[sign] != "" && filepath.IsAbs(path) && len(path) > 1 {
			dirs = append(dirs, path)
		}
	}
	return dirs
}

// withoutBundles takes the entries of a list that are in one of dirs out of it,
// and reports whether anything is left. A value that names none is not touched.
func withoutBundles(value string, dirs []string) (string, bool) {
	within := func(path string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool {
			return path == d || strings.HasPrefix(path, d+string(filepath.Separator))
		})
	}
	list := filepath.SplitList(value)
	if !slices.ContainsFunc(list, within) {
		return value, true
	}
	list = slices.DeleteFunc(list, within)
	return strings.Join(list, string(filepath.ListSeparator)), len(list) > 0
}
