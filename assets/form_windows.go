package assets

const trayForm = ".ico"
