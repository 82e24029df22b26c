"""DICOM.

In: files, or a folder of them. Out: headers by allow-list, the volumes and pictures that belong together, and their
stored values as a `Scan`; or a refusal by name. Foreign bytes are parsed and decoded in a process of their own.

"""
