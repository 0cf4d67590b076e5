# SPDX-License-Identifier: Apache-2.0
#
# Empty Debian machines for the deployment tests: root file systems made by
# mmdebstrap, entered with chroot or booted with systemd-nspawn.
package Machine;

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path);
use Test::Forebay::Util;
use Test::More;

our @EXPORT = qw(need rootfs copy_tree libraries_of loud kafka_to_kafka);

# Why this machine cannot run the test is no fault of the tree's.
sub need
{
	my (@tools) = @_;

	skip_all_for('root only', machine => 1) if $>;
	for my $tool (@tools) {
		next if grep { -x "$_/$tool" } split /:/, $ENV{PATH};
		skip_all_for("$tool is not installed", machine => 1);
	}
	return;
}

# The mirror that this machine uses for Debian.
sub mirror
{
	my @sites = qx(apt-get indextargets --format '\$(SITE)' \\
	    'Created-By: Packages' 'Origin: Debian' 'Label: Debian');

	chomp @sites;
	return $sites[0] // 'http://deb.debian.org/debian';
}

sub host_suite
{
	return slurp('/etc/os-release') =~ /^VERSION_CODENAME=(\w+)/m ? $1 :
	    die "no VERSION_CODENAME in /etc/os-release\n";
}

# Runs a command that takes long; what it says is shown if it fails.
sub loud
{
	my ($what, $timeout, @cmd) = @_;
	my ($status, $out, $err) = run(\@cmd, timeout => $timeout);
	my $said = $out . $err;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status == 0, $what)
	    or diag("exit status $status\n", substr($said, -6000));
	return $status == 0 ? $said || ' ' : undef;
}

# An empty Debian at path (a directory, or x.tar), with what the machine's
# administrator would have put there, too: certificates and name service.
sub rootfs
{
	my ($path, $suite, @packages) = @_;

	# Package lists stay, as debootstrap and installers leave them.
	run_ok(['mmdebstrap', '--quiet', '--variant=minbase',
	    '--skip=cleanup/apt/lists', (@packages ?
	    '--include=' . join(',', @packages) : ()),
	    $suite // host_suite(), $path, mirror()], timeout => 600);
	return if $path =~ /\.tar$/;
	make_path("$path/usr/local/share/ca-certificates");
	for (glob '/usr/local/share/ca-certificates/*.crt') {
		run_ok(['cp', $_, "$path/usr/local/share/ca-certificates/"]);
	}
	run_ok(['cp', '-L', '/etc/resolv.conf', "$path/etc/resolv.conf"]);
	return;
}

# The tree as a clean checkout has it.
sub copy_tree
{
	my ($to) = @_;

	make_path($to);
	run_ok(['sh', '-c', 'tar -C "$1" -c --exclude="./build*" '
	    . '--exclude=./.git . | tar -C "$2" -x --no-same-owner', 'sh',
	    source_dir(), $to]);
	return;
}

# The Debian packages of the shared libraries of some programs.
sub libraries_of
{
	my (@programs) = @_;
	my %packages;

	for (split /\n/, run_ok(['ldd', @programs])) {
		m{=> \S*/(\S+) \(} or next;
		my ($status, $out) = run(['dpkg', '-S', "*/$1"]);

		$packages{$1} = 1 if $out =~ /^([^:\s]+):/;
	}
	return sort keys %packages;
}

# A manifest: topic to topic.
sub kafka_to_kafka
{
	my ($name, $brokers, $in, $out, $host) = @_;
	$host //= '{}';

	return <<"EOT";
apiVersion: numaflow.numaproj.io/v1alpha1
kind: MonoVertex
metadata: {name: $name}
spec:
  source:
    kafka:
      brokers: ["$brokers"]
      topic: $in
      consumerGroup: $name
      config: |
        auto.offset.reset: earliest
  sink:
    kafka:
      brokers: ["$brokers"]
      topic: $out
---
apiVersion: forebay/v1
kind: Host
spec: $host
EOT
}

1;
