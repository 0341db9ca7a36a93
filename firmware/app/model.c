// SPDX-License-Identifier: Apache-2.0
//
// The only file that includes the rendered model.
#include "model.h"
