/* auditor._speedups: the compiled twins of Python code. The docstrings of the Python twins say what each does. */
#include "speedups.h"

#include <stdlib.h>

static PyMethodDef functions[] = {
    {"cut", speedups_cut, METH_VARARGS, NULL},
    {"judge", speedups_judge, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "auditor._speedups",
    .m_size = -1,
    .m_methods = functions,
};

/* The environment is read here, because the modules that choose between the twins read none. */
PyMODINIT_FUNC
PyInit__speedups(void)
{
    const char *wanted = getenv("AUDITOR_SPEEDUPS");
    if (wanted != NULL && strcmp(wanted, "no") == 0) {
        PyErr_SetString(PyExc_ImportError, "AUDITOR_SPEEDUPS is no");
        return NULL;
    }
    if (PyType_Ready(&BatchType) < 0 || PyType_Ready(&TableType) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) < 0
        || PyModule_AddObjectRef(module, "Batch", (PyObject *)&BatchType) < 0
        || PyModule_AddObjectRef(module, "Table", (PyObject *)&TableType) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
