# SPDX-License-Identifier: Apache-2.0
# The Debian package, made by deploy/package.sh (or `cpack` in the build directory). What is listed
# here goes into the package only: `cmake --install` gives the binary and nothing else.
set(packaging "${PROJECT_BINARY_DIR}/packaging")

# The shipped configuration is conf/entrepot.json with the cache where the unit keeps it. Whoever
# rewords those lines is told here.
set(shipped_cache_lines [=[
    // Default: $XDG_CACHE_HOME/entrepot, else ~/.cache/entrepot. One process for each directory.
    // "directory": "/var/lib/entrepot",
]=])
set(packaged_cache_lines [=[
    // Elsewhere: the service must be allowed to write there (ReadWritePaths=, entrepot.service).
    "directory": "/var/lib/entrepot",
]=])
set(shipped_first_lines [=[
// Every key of Entrepot's configuration with its default value: what `entrepot serve` does without
// --config. Copy it, keep what you change, drop the rest.
]=])
set(packaged_first_lines [=[
// What the service `entrepot` does: every key with its default value, but for the cache's directory.
// After a change: systemctl reload entrepot (or restart, where the log asks for it).
]=])
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY
  CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/conf/entrepot.json")
file(READ "${PROJECT_SOURCE_DIR}/conf/entrepot.json" configuration)
foreach(lines IN ITEMS cache_lines first_lines)
  string(FIND "${configuration}" "${shipped_${lines}}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "cmake/Packaging.cmake: conf/entrepot.json no longer has\n${shipped_${lines}}")
  endif()
  string(REPLACE "${shipped_${lines}}" "${packaged_${lines}}" configuration "${configuration}")
endforeach()
file(WRITE "${packaging}/entrepot.json" "${configuration}")

find_program(GZIP gzip REQUIRED)
add_custom_command(OUTPUT "${packaging}/entrepot.8.gz"
  COMMAND "${GZIP}" -9nc "${PROJECT_SOURCE_DIR}/deploy/man/entrepot.8" > "${packaging}/entrepot.8.gz"
  DEPENDS "${PROJECT_SOURCE_DIR}/deploy/man/entrepot.8" VERBATIM)
# The program knows its commands itself. A cross build runs it with CMAKE_CROSSCOMPILING_EMULATOR.
set(completions)
foreach(shell IN ITEMS bash zsh fish)
  set(completion "${packaging}/completion.${shell}")
  add_custom_command(OUTPUT "${completion}"
    COMMAND entrepot completion ${shell} > "${completion}" DEPENDS entrepot VERBATIM)
  list(APPEND completions "${completion}")
endforeach()
add_custom_target(packaging ALL DEPENDS "${packaging}/entrepot.8.gz" ${completions} entrepot)

set(system COMPONENT system EXCLUDE_FROM_ALL)
install(FILES "${packaging}/entrepot.json" DESTINATION /etc/entrepot ${system})
install(DIRECTORY DESTINATION /etc/entrepot/credentials ${system}
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
install(FILES deploy/systemd/entrepot.service DESTINATION /usr/lib/systemd/system ${system})
install(FILES "${packaging}/entrepot.8.gz" DESTINATION share/man/man8 ${system})
install(FILES "${packaging}/completion.bash" DESTINATION share/bash-completion/completions
        RENAME entrepot ${system})
install(FILES "${packaging}/completion.zsh" DESTINATION share/zsh/vendor-completions
        RENAME _entrepot ${system})
install(FILES "${packaging}/completion.fish" DESTINATION share/fish/vendor_completions.d
        RENAME entrepot.fish ${system})
# In the folders of the repository, so that their links lead somewhere.
install(FILES deploy/debian/copyright README.md README.zh-CN.md CHANGELOG.md
        DESTINATION share/doc/entrepot ${system})
foreach(folder IN ITEMS docs docs/design docs/howto)
  file(GLOB documents CONFIGURE_DEPENDS ${folder}/*.md)
  install(FILES ${documents} DESTINATION share/doc/entrepot/${folder} ${system})
endforeach()
install(FILES conf/china.json conf/node.json deploy/tls_check.sh
        DESTINATION share/doc/entrepot/examples ${system})
install(FILES deploy/prometheus/prometheus.yml deploy/prometheus/entrepot.rules.yml
        DESTINATION share/doc/entrepot/examples/prometheus ${system})
install(FILES deploy/grafana/entrepot.json DESTINATION share/doc/entrepot/examples/grafana
        RENAME dashboard.json ${system})
install(DIRECTORY deploy/grafana/provisioning DESTINATION share/doc/entrepot/examples/grafana ${system})
install(FILES deploy/logrotate/entrepot DESTINATION share/doc/entrepot/examples/logrotate ${system})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME entrepot)
set(CPACK_PACKAGE_CONTACT "Entrepot maintainers <maintainers@entrepot.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pull-through mirror for container registries")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Docker, containerd, podman and skopeo name it as their registry mirror. It
answers from its own disk and fetches what it lacks from the registry, once,
however many clients ask, and serves what it has when the registry does not.")
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL Unspecified system)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# A package is for the release it was built on: its libraries are named by dpkg-shlibdeps. The newer
# release has the higher version, so that an upgrade of the system takes its package.
set(system_release "")
foreach(key IN ITEMS ID VERSION_ID)
  set(line "")
  if(EXISTS /etc/os-release)
    file(STRINGS /etc/os-release line REGEX "^${key}=")
  endif()
  string(REGEX REPLACE "^[^=]*=|\"" "" value "${line}")
  string(APPEND system_release "${value}")
endforeach()
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~${system_release}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
if(ENTREPOT_PACKAGE_ARCHITECTURE)  # deploy/release/cross.cmake
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE "${ENTREPOT_PACKAGE_ARCHITECTURE}")
endif()
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# adduser: postinst; procps: /bin/kill of the unit's ExecReload.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates, procps")
# Debian 12 came out with a libevent that has known holes (deploy/packages.sh says more).
if(system_release STREQUAL "debian12")
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libevent-2.1-7 (>= 2.1.12-stable-8+deb12u1)")
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script IN ITEMS conffiles preinst postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/deploy/debian/${script}")
endforeach()
include(CPack)
