package upstream

import (
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// shownDirs is how many searched directories a message names.
const shownDirs = 8

// lookedIn says where a command was searched. The home directory is "~".
func lookedIn(dirs []string) string {
	if len(dirs) == 0 {
		return "The PATH is empty."
	}
	home, _ := os.UserHomeDir() // none: nothing is shortened
	var names []string
	for _, dir := range dirs {
		if rest, ok := strings.CutPrefix(dir, home+string(filepath.Separator)); ok && home != "" {
			dir = "~" + string(filepath.Separator) + rest
		}
		if name := clean(dir, 100); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	more := ""
	if len(names) > shownDirs {
		more = " and " + strconv.Itoa(len(names)-shownDirs) + " more"
		names = names[:shownDirs]
	}
	return "Looked in " + strings.Join(names, ", ") + more + "."
}

// elsewhere says where a command that is not on the PATH is installed, if it is
// in one of the places that installers use. It is never started from there:
// which of several to use is for people to say.
func elsewhere(command string) string {
	home, _ := os.UserHomeDir() // none: the places below it are not there
	for _, p := range knownPlaces(runtime.GOOS, home, os.Getenv) {
		if path := p.find(command); path != "" {
			return "It is not on the PATH, but there is " + clean(path, 300) + ": write that. "
		}
	}
	return ""
}

// A place is where programs may be: below root, in the directories that match a
// pattern with slashes.
type place struct{ root, pattern string }

// knownPlaces lists where version managers and installers put programs.
func knownPlaces(goos, home string, env func(string) string) []place {
	var places []place
	below := func(root string, patterns ...string) {
		if root == "" {
			return
		}
		for _, p := range patterns {
			places = append(places, place{root, p})
		}
	}
	below(home, ".nvm/versions/node/*/bin", ".volta/bin", ".asdf/shims", ".local/share/mise/shims", ".local/bin", ".cargo/bin",
		".bun/bin", ".deno/bin", "go/bin", ".pyenv/shims", ".rbenv/shims", ".local/share/fnm/node-versions/*/installation/bin",
		".fnm/node-versions/*/installation/bin", ".local/share/pnpm", ".npm-global/bin", ".dotnet/tools", "bin")
	switch goos {
	case "windows":
		below(env("APPDATA"), "npm", "fnm/node-versions/*/installation", "nvm/*", "Python/Python*/Scripts")
		below(env("LOCALAPPDATA"), "Programs/Python/Python*", "Programs/Python/Python*/Scripts", "Microsoft/WinGet/Links",
			"Microsoft/WindowsApps", "Volta/bin", "pnpm")
		below(env("ProgramFiles"), "nodejs", "Volta", "Python*", "Docker/Docker/resources/bin", "Git/cmd", "Go/bin")
		below(env("ProgramData"), "chocolatey/bin", "scoop/shims")
		below(home, "scoop/shims", "scoop/apps/nodejs/current")
		below(cmp.Or(env("SystemDrive"), "C:")+`\`, "Python*", "Python*/Scripts")
	case "darwin":
		below(home, "Library/pnpm", "Library/Application Support/fnm/node-versions/*/installation/bin", "Library/Python/*/bin")
		below("/", "opt/homebrew/bin", "usr/local/bin", "opt/local/bin", "Applications/Docker.app/Contents/Resources/bin",
			"Library/Frameworks/Python.framework/Versions/*/bin", "usr/local/go/bin", "nix/var/nix/profiles/default/bin")
	default:
		below("/", "usr/local/bin", "usr/bin", "bin", "snap/bin", "var/lib/snapd/snap/bin", "home/linuxbrew/.linuxbrew/bin",
			"usr/local/go/bin", "nix/var/nix/profiles/default/bin", "run/current-system/sw/bin", "opt/*/bin")
		below(home, ".nix-profile/bin", ".linuxbrew/bin")
	}
	return places
}

// find returns the path of the command in the place, of the newest version if
// there are several, or "".
func (p place) find(command string) string {
	dirs, _ := fs.Glob(os.DirFS(p.root), p.pattern) // the patterns are ours and good
	slices.SortFunc(dirs, func(a, b string) int { return compareVersions(b, a) })
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(p.root, filepath.FromSlash(dir), command)); err == nil {
			return path
		}
	}
	return ""
}

// compareVersions orders names by the numbers in them: v9 before v22.
func compareVersions(a, b string) int {
	numbers := func(s string) (out []int) {
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) {
			n, _ := strconv.Atoi(f) // too many digits: the greatest
			out = append(out, n)
		}
		return out
	}
	return cmp.Or(slices.Compare(numbers(a), numbers(b)), strings.Compare(a, b))
}
