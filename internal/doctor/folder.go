package doctor

import (
	"errors"
	"os"
)

// checkFolder checks that the data folder can be written. It does not create a folder.
func checkFolder(folder string) Finding {
	const check = "data folder"
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Finding{Check: check, State: OK, Found: folder + " will be created at the first start"}
	case err != nil:
		return Finding{check, Broken, err.Error(), "set data_dir to a folder that can be read"}
	case !info.IsDir():
		return Finding{check, Broken, folder + " is not a folder", "set data_dir to another"}
	}
	probe, err := os.CreateTemp(folder, "doctor-*")
	if err != nil {
		return Finding{check, Broken, err.Error(), "allow this user to write there, or set data_dir to another folder"}
	}
	defer os.Remove(probe.Name())
	if err := errors.Join(probe.Sync(), probe.Close()); err != nil {
		return Finding{check, Broken, err.Error(), "set data_dir to a folder on a disk that works"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Finding{check, Warning, folder + " can be read by other users of this machine", "chmod 700 " + folder}
	}
	return Finding{Check: check, State: OK, Found: folder + " can be written"}
}
