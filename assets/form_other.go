//go:build !windows

package assets

const trayForm = "-32.png"
