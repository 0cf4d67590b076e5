# SPDX-License-Identifier: Apache-2.0
#
# A control group in which there is no memory left, so that the kernel kills
# who is put into it:
#
#	my $group = Test::Forebay::MemoryGroup->new or skip_for(...);
#	$group->starve($pid) or skip_for(...);
#	$group->remove;
package Test::Forebay::MemoryGroup;

use strict;
use warnings;

use Test::Forebay::Util;

# Undefined if none can be made here.
sub new
{
	my ($class) = @_;
	my %files = ('/sys/fs/cgroup/memory' => 'memory.limit_in_bytes',
		'/sys/fs/cgroup' => 'memory.max');

	for my $root (sort { length $b <=> length $a } keys %files) {
		my $dir = "$root/forebay-test-$$";

		next unless -w $root && mkdir($dir);
		return bless { dir => $dir, limit => "$dir/$files{$root}" },
		    $class if -e "$dir/$files{$root}";
		rmdir($dir);
	}
	return undef;
}

sub put
{
	my ($file, $text) = @_;

	open(my $fh, '>', $file) or return 0;
	return defined syswrite($fh, $text);
}

# What it had is not charged to the new group: it has to grow a little.
sub starve
{
	my ($self, $pid) = @_;

	return put($self->{limit}, 1 << 20) &&
	    put("$self->{dir}/cgroup.procs", $pid);
}

sub remove
{
	my ($self) = @_;

	wait_until { rmdir($self->{dir}) } 'the group is empty';
	return;
}

1;
